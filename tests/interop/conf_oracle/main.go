// conf_oracle prints what nats-server's own parser makes of configuration files: one line of JSON for each file named on
// the command line, or on the lines of the standard input if none is.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/conf"
)

// token is what the parser wraps each value in.
type token interface {
	Value() any
	IsUsedVariable() bool
}

type answer struct {
	File   string `json:"file"`
	Error  string `json:"error,omitempty"`
	Digest string `json:"digest,omitempty"`
	Tree   any    `json:"tree,omitempty"`
}

// tree is the value in a form that shows its types.
func tree(what any) any {
	switch v := what.(type) {
	case token:
		return tree(v.Value())
	case bool:
		return v
	case int64:
		return map[string]any{"integer": fmt.Sprint(v)}
	case float64:
		return map[string]any{"real": v}
	case time.Time:
		return map[string]any{"time": v}
	case string:
		return map[string]any{"text": v}
	case []any:
		list := make([]any, 0, len(v))
		for _, item := range v {
			list = append(list, tree(item))
		}
		return list
	case map[string]any:
		members := make(map[string]any, len(v))
		used := []string{}
		for key, item := range v {
			members[key] = tree(item)
			if t, ok := item.(token); ok && t.IsUsedVariable() {
				used = append(used, key)
			}
		}
		sort.Strings(used)
		return map[string]any{"map": members, "used": used}
	}
	return fmt.Sprintf("a value of the unknown type %T", what)
}

func ask(file string) (result answer) {
	result.File = file
	defer func() {
		if trouble := recover(); trouble != nil {
			result = answer{File: file, Error: fmt.Sprintf("panic: %v", trouble)}
		}
	}()
	values, digest, err := conf.ParseFileWithChecksDigest(file)
	if err != nil {
		result.Error = strings.TrimSpace(err.Error())
		if result.Error == "" {
			result.Error = "an error without a text"
		}
		return result
	}
	result.Digest, result.Tree = digest, tree(values)
	return result
}

func main() {
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	say := func(file string) {
		if err := encoder.Encode(ask(file)); err != nil {
			fmt.Fprintln(os.Stderr, "conf_oracle:", err)
			os.Exit(1)
		}
	}
	for _, file := range os.Args[1:] {
		say(file)
	}
	if len(os.Args) == 1 {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			say(lines.Text())
		}
	}
}
