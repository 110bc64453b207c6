/* The protocol of xen-drbd; docs/never-twice.md tells how to read it. A scenario sets COMMANDS, RUNS, what may fail and
   where the domain is, and includes this file. Each safety rule is taken out by its NO_... */
#ifndef HAS_RESUME
#define HAS_RESUME false
#endif
#define has_resume HAS_RESUME
#ifndef COMMANDS_OF_1
#define COMMANDS_OF_1 COMMANDS
#define COMMANDS_OF_2 COMMANDS
#endif
#ifndef RUNS_OF_2
#define RUNS_OF_2 RUNS
#endif
#ifdef XL_FAILS
byte xl_fails = XL_FAILS;
#endif
#ifdef UNLISTED
byte unlisted_looks = UNLISTED;
#endif
#ifdef CANCELS
byte cancels = CANCELS;
#endif
#include "world.pml"
#include "tool.pml"
#include "plan.pml"

#define closed (connected && !window[0] && !window[1] && !incoming[0] && !incoming[1] && !away[0] && !away[1])
#define runs_only_on(n) (own[n] == RUNNING && own[PEER(n)] == ABSENT && !primary[PEER(n)])
#define in_order (closed && (runs_only_on(0) || runs_only_on(1)))
#define nowhere (closed && own[0] == ABSENT && own[1] == ABSENT && !primary[0] && !primary[1])

/* That recover ends well without an administrator is promised for one failure. After two it may leave him something that it
   names: a split brain whose proof went with a run that closed the window just as the link came back; a copy that got its
   name late and whose source has lost its power. */
#ifdef MAY_BE_EXPLAINED
#define explained true
#else
#define explained false
#endif

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
#ifdef RAN_THERE_BEFORE
    printf("it has run on node2 before\n"); writes[1] = 1;
#endif
#ifdef NODE2_IS_OLD
    printf("node1 has run alone and has written\n");
    connected = false; drbd_net = false; ahead[0] = true; written[0] = true;
#endif
    run Node(0); run Node(1); run Failures(); run Administrator(0, RUNS); run Administrator(1, RUNS_OF_2)
#ifdef BESIDE
    ; run Evacuation(1)
#endif
  };
end:
  atomic {
    timeout ->
#ifdef MIGRATE_THEN_RECOVER
    if
    :: !at_last
    :: at_last && (in_order || explained)
    :: at_last && !in_order && !explained && nowhere && node_failed
    :: at_last && !in_order && !explained && (alone[0] || alone[1]) && (node_failed || lost_after_pass || FOREIGN)
    :: at_last && !in_order && !explained && own[1] == PAUSED && older[1] /* somebody wrote to the disk of what stands paused */
    :: else -> accident(does_not_converge)
    fi
#endif
#ifdef ONLY_MIGRATES
    if
    :: (own[0] == RUNNING || own[1] == RUNNING || own[0] == REBOOTING || own[1] == REBOOTING || node_failed || link_failed || transport_killed)
    :: else -> accident(stranded)
    fi
#endif
    ; skip
  }
}
