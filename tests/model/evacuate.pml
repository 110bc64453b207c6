/* Both nodes are emptied before they go down, while the other may still move its domain. */
#define COMMANDS ((1 << EVACUATE) | (1 << MIGRATE_OUT) | (1 << MIGRATE_IN))
#define RUNS 1
#ifndef FAILURES
#define FAILURES 0
#endif
#define RUNS_AT_FIRST
#include "never_twice.pml"
