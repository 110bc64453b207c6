/* A node does not answer, and its peer is to start the domain all the same. */
#define COMMANDS (1 << START)
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#define PEER_IS_DEAD
#include "never_twice.pml"
