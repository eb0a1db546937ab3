// The cases by name; each fills a result or throws a failure.
#pragma once

#include "options.hpp"
#include "result.hpp"

namespace nuncio::bench {

// throughput_cases.cpp
void run_pub0(const options& o, result& into);
void run_one2one(const options& o, result& into);
void run_fanout(const options& o, result& into);
void run_onesubj(const options& o, result& into);
void run_pairs(const options& o, result& into);
void run_queue(const options& o, result& into);
void run_headers(const options& o, result& into);

// subject_cases.cpp
void run_manysubj(const options& o, result& into);

// subs_case.cpp
void run_subs(const options& o, result& into);

// rpc_cases.cpp
void run_rpc(const options& o, result& into);
void run_rpcsubs(const options& o, result& into);

// latency_case.cpp
void run_lat(const options& o, result& into);

// disturbance_cases.cpp
void run_churn(const options& o, result& into);
void run_slow(const options& o, result& into);

// connection_cases.cpp
void run_idle(const options& o, result& into);
void run_mixed(const options& o, result& into);
void run_connect(const options& o, result& into);

// start_case.cpp
void run_start(const options& o, result& into);

// relay.cpp
void run_relay(const options& o, result& into);
int run_relay_server();

}  // namespace nuncio::bench
