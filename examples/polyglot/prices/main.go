// Prices, by the service framework of NATS' own Go client; polyglot_orders calls it. JSON goes over the wire.
//
//	go run . [SERVER]
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

type priceRequest struct {
	Item string `json:"item"`
}

type price struct {
	Cents int `json:"cents"`
}

var prices = map[string]price{"lamp": {4200}, "chair": {9900}}

func get(request micro.Request) {
	var wanted priceRequest
	if err := json.Unmarshal(request.Data(), &wanted); err != nil {
		request.Error("400", err.Error(), nil)
		return
	}
	found, ok := prices[wanted.Item]
	if !ok {
		request.Error("404", "there is no "+wanted.Item, nil)
		return
	}
	request.RespondJSON(found)
}

func main() {
	server := nats.DefaultURL
	if len(os.Args) > 1 {
		server = os.Args[1]
	}
	nc, err := nats.Connect(server)
	if err != nil {
		log.Fatal(err)
	}
	service, err := micro.AddService(nc, micro.Config{Name: "prices", Version: "1.0.0"})
	if err != nil {
		log.Fatal(err)
	}
	if err := service.AddGroup("prices").AddEndpoint("get", micro.HandlerFunc(get)); err != nil {
		log.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	service.Stop()
	nc.Drain()
}
