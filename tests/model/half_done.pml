/* A migration of node1 that may not end, and node2 starts the domain on node1. */
#define COMMANDS ((1 << MIGRATE_OUT) | (1 << START_THERE))
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#define RUNS_AT_FIRST
#include "never_twice.pml"
