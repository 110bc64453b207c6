/* A live migration, out or in, while anything fails. */
#define COMMANDS ((1 << MIGRATE_OUT) | (1 << MIGRATE_IN))
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#define RUNS_AT_FIRST
#define ONLY_MIGRATES
#include "never_twice.pml"
