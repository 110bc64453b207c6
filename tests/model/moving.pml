/* A migration of node1 whose tool may die, and a recover on node2 while its xl migrate goes on; MIGRATES_WITHOUT_LOCK: that
   keeps no lock, like one that is typed by hand. */
#define COMMANDS_OF_1 (1 << MIGRATE_OUT)
#define COMMANDS_OF_2 (1 << RECOVER)
#define COMMANDS (COMMANDS_OF_1 | COMMANDS_OF_2)
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#define RUNS_AT_FIRST
#include "never_twice.pml"
