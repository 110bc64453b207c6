/* Both administrators start the domain, each on either node. */
#define COMMANDS ((1 << START) | (1 << START_THERE))
#define RUNS 1
#ifndef FAILURES
#define FAILURES 1
#endif
#include "never_twice.pml"
