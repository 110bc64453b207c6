/* The protocol of xen-drbd; docs/never-twice.md tells how to read it. A scenario sets COMMANDS, RUNS, what may fail and
   where the domain is, and includes this file. Each safety rule is taken out by its NO_... */
#ifndef HAS_RESUME
#define HAS_RESUME false
#endif
#define has_resume HAS_RESUME
#ifdef XL_FAILS
byte xl_fails = XL_FAILS;
#endif
#ifdef CANCELS
byte cancels = CANCELS;
#endif
byte home;
byte last_failure[2];
#include "world.pml"
#include "tool.pml"
#include "plan.pml"

init {
  atomic {
    if
#ifndef STANDS_AT_FIRST
    :: printf("the domain runs on node1\n"); own[0] = RUNNING;
#ifndef NO_DISK
       primary[0] = true; writes[0] = 1
#endif
#endif
#ifndef RUNS_AT_FIRST
    :: printf("the domain runs on neither node\n")
#endif
    fi;
    run Node(0); run Node(1); run Failures(); run Administrator(0); run Administrator(1)
  }
}
