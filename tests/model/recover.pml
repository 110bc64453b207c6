/* A migration that fails in any way, then recover on either node. */
#define COMMANDS ((1 << MIGRATE_OUT) | (1 << RECOVER))
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#define RUNS_AT_FIRST
#define FIRST_COMMAND MIGRATE_OUT /* of node1; node2 recovers */
#include "never_twice.pml"
