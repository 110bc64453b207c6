/* node1 stops the domain, with or without the peer, while node2 starts it there, or moves it to itself. */
#define COMMANDS_OF_1 (1 << STOP)
#define COMMANDS_OF_2 ((1 << START_THERE) | (1 << MIGRATE_IN))
#define COMMANDS (COMMANDS_OF_1 | COMMANDS_OF_2)
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#include "never_twice.pml"
