/* Both nodes are emptied before they go down, while the other may still move its domain or start it there; STARTS_THERE:
   only node1 is, and only starts are typed on node2; BESIDE: node2 is, beside a command that brings the domain there. */
#ifdef BESIDE
#define COMMANDS ((1 << EVACUATE) | (1 << MIGRATE_IN) | (1 << START))
#define RUNS 0
#define RUNS_OF_2 1
#else
#ifdef STARTS_THERE
#define COMMANDS_OF_1 (1 << EVACUATE)
#define COMMANDS_OF_2 (1 << START)
#endif
#define COMMANDS ((1 << EVACUATE) | (1 << MIGRATE_OUT) | (1 << MIGRATE_IN) | (1 << START) | (1 << START_THERE))
#define RUNS 1
#endif
#ifndef FAILURES
#define FAILURES 0
#endif
#include "never_twice.pml"
