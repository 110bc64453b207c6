/* A migration that fails in any way, then recover on either node. */
#define COMMANDS ((1 << MIGRATE_OUT) | (1 << RECOVER))
#define RUNS 2
#ifndef RUNS_OF_2
#define RUNS_OF_2 1
#endif
#ifndef FAILURES
#define FAILURES 1
#endif
#define RUNS_AT_FIRST
#define ONLY_MIGRATES
#define MIGRATE_THEN_RECOVER
#include "never_twice.pml"
