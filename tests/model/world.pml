/* What the program finds around it: two nodes, xl, DRBD, the network between them, and all that may fail.
   One domain, one DRBD resource. Sources of each behaviour: docs/never-twice.md. */

#define PEER(n) (1 - (n))
#define NOBODY 2

/* What a node has of the domain under its own name. */
#define ABSENT 0
#define RUNNING 1
#define PAUSED 2    /* renamed by its receiver and not unpaused yet: has never run there */
#define SUSPENDED 3 /* by xl migrate */
#define REBOOTING 4 /* no row, its watcher starts it again in a moment */

byte own[2];
bool incoming[2];        /* NAME--incoming, paused */
bool away[2];            /* NAME--migratedaway, suspended */

bool up[2] = true;
byte boot[2];            /* identity of the boot */
bool leaving[2];
bool left_since[2];      /* an evacuation was typed since the run there began */
byte creating[2];        /* 1 + the run that has read that it is not leaving, and has not begun its xl create yet */
bool left[2];            /* evacuate said that nothing of the topology is here, and the node is about to go down */

/* DRBD. `ahead` is what DRBD knows (a generation of data that the peer has not seen), `written` what is true. */
bool primary[2], window[2], alone[2], discards[2], ahead[2], written[2], behind[2];
bool connected = true;
byte writes[2];          /* the node's own writes in this boot, as the record of a migration counts them */
byte got[2] = 1;         /* what the node has received from the other one, since DRBD there began to count. Of a guest that
                            runs nothing is counted: it need not write at once */

/* The network of SSH, and that of DRBD. A session of the administrator at `a` with the worker at the peer. */
bool net = true, drbd_net = true;
#define net_ok (net && up[0] && up[1])
#define drbd_net_ok (drbd_net && up[0] && up[1])
byte session[2];
#define NO_SESSION 0
#define SILENT 1   /* no answer for 5 s */
#define ANSWERS 2
#define BROKEN 3   /* the worker is dead, and the tool has not noticed */

/* The lock: a worker that holds it, commands that keep it. */
byte lock[2] = NOBODY;
byte command[4];         /* [2 * node + administrator]: started there for him, not done yet */
#define COMMAND(n, a) command[2 * (n) + (a)]
bool alive[2];           /* the run of the administrator */
bool killed[2];
byte peer_boot[2];       /* identity of the peer's boot, as seen by the run */

/* xl migrate at the source, its transport, and migrate-receive at the target. */
byte sender[2], transport[2], receiver[2];
byte run_of[2];          /* the administrator whose run has started the sender */
bool without_disk[2];    /* the copy there was restored while its disk was Secondary */
bool go[2];              /* GO is on its way to the node */
#define NONE 0
#define CONNECTING 14 /* transport: no receiver yet */
#define COPYING 1  /* sender, transport, receiver */
#define SENT 2     /* sender: everything is sent, the guest is suspended, waits for "ready" */
#define RENAMED 3  /* sender: the guest is --migratedaway, GO comes next */
#define WAITING 4  /* sender: GO is sent, waits for the report; receiver: "ready" is sent, waits for GO */
#define CLEARING 5 /* sender: the target runs, destroys the source */
#define HELD 6     /* transport: the last record */
#define RELEASED 7
#define READY 8    /* transport: holds the target's "ready" */
#define PASSED 9   /* transport: "ready" was given to xl */
#define GONE 10    /* transport: GO was passed on */
#define CLEARED 11 /* receiver: has read GO */
#define UNPAUSING 12
#define REPORTING 13

/* The record of a migration, on the disk of its source. */
bool record[2], record_before_go[2];
byte noted_writes[2], noted_got[2]; /* of the target, by the run */
byte noted_source[2];    /* got by the source */
byte record_source_boot[2], record_target_boot[2], record_writes[2], record_got[2], record_source[2];

bool looked_now[2];    /* the run has just looked at the writes of the node whose changes it discards */
bool overridden; /* --peer-is-dead or a fence agent was accepted: older data may be used */
bool at_last; /* the last recover has begun: nothing fails any more */
bool passed_once, lost_after_pass; /* DRBD lost its connection after the last look before "ready" is passed to xl */
bool older[2]; /* the suspended memory there is older than the disk: it was written elsewhere since */
bool node_failed, link_failed, transport_killed;

#ifdef MIGRATES_WITHOUT_LOCK
#define sender_keeps_the_lock(n) false
#else
#define sender_keeps_the_lock(n) sender[n]
#endif
#ifdef NO_LOCK_THAT_OUTLIVES
#define lock_is_free(n) (lock[n] == NOBODY)
#else
#define lock_is_free(n) (lock[n] == NOBODY && !COMMAND(n, 0) && !COMMAND(n, 1) && !sender_keeps_the_lock(n))
#endif

mtype = {runs_twice, written_by_both, two_primaries_during_the_copy, runs_without_its_disk, disk_taken_away,
         writes_discarded, arrives_on_a_node_that_left, destroyed_while_it_moves, disk_in_use, stranded, resumed_with_old_memory, does_not_converge};

#ifdef FOREIGN_WRITER
#define FOREIGN true
#else
#define FOREIGN false
#endif

inline accident(what) {
  printf("ACCIDENT %e\n", what);
  assert(false)
}

/* Holds after every change of the world. A guest that runs writes. */
inline settle() {
  if :: own[0] == RUNNING && primary[0] && !connected -> written[0] = true :: else fi;
  if :: own[1] == RUNNING && primary[1] && !connected -> written[1] = true :: else fi;
  if :: own[0] == RUNNING && own[1] == RUNNING -> accident(runs_twice) :: else fi;
  if :: written[0] && written[1] && !overridden && !FOREIGN -> accident(written_by_both) :: else fi;
  if :: primary[0] && primary[1] && (transport[0] == COPYING || transport[1] == COPYING) ->
        accident(two_primaries_during_the_copy)
     :: else
  fi
}

/* The disk: by somebody in Domain-0. */
#ifdef HELD_OPEN
bool in_use[2];
#define is_in_use(n) in_use[n]
#else
#define is_in_use(n) false
#endif

inline comes_to_life(n) {
  own[n] = RUNNING;
  if :: primary[n] && writes[n] < 3 -> writes[n]++ :: else fi;
#ifndef NO_DISK
  if :: !primary[n] || without_disk[n] -> accident(runs_without_its_disk) :: else fi;
#endif
  without_disk[n] = false;
  if :: is_in_use(n) -> accident(disk_in_use) :: else fi;
  if :: away[PEER(n)] || own[PEER(n)] == SUSPENDED -> older[PEER(n)] = true :: else fi;
  if :: left[n] -> accident(arrives_on_a_node_that_left) :: else fi;
  settle()
}

inline lose_connection() {
  connected = false;
  lost_after_pass = lost_after_pass || passed_once;
  if :: primary[0] -> ahead[0] = true :: else fi;
  if :: primary[1] -> ahead[1] = true :: else fi;
  if :: (behind[0] && own[0] == RUNNING) || (behind[1] && own[1] == RUNNING) -> accident(runs_without_its_disk)
     :: else
  fi;
  settle()
}

inline reconnect() {
  if :: discards[0] && written[0] || discards[1] && written[1] -> accident(writes_discarded) :: else fi;
  if :: discards[0] -> ahead[0] = false; behind[0] = true :: else fi;
  if :: discards[1] -> ahead[1] = false; behind[1] = true :: else fi;
  discards[0] = false; discards[1] = false;
  if
  :: window[0] != window[1] || (ahead[0] && ahead[1]) || (ahead[0] && primary[1]) || (ahead[1] && primary[0]) ||
     (primary[0] && primary[1] && !window[0]) ->
     printf("DRBD meets its peer, gives up and stands alone\n");
     alone[0] = true; alone[1] = true
  :: else ->
     printf("DRBD connects again\n");
     connected = true;
     if :: !got[0] -> got[0] = 1 :: else fi;
     if :: !got[1] -> got[1] = 1 :: else fi;
     if :: ahead[0] -> behind[1] = true :: else fi;
     if :: ahead[1] -> behind[0] = true :: else fi;
     ahead[0] = false; ahead[1] = false; written[0] = false; written[1] = false
  fi;
  settle()
}

/* Something of the domain has its disk open there: DRBD refuses to demote it. */
#define held_open(n) (is_in_use(n) || own[n] == RUNNING || own[n] == PAUSED || own[n] == SUSPENDED || away[n] || \
                      (incoming[n] && receiver[n] != COPYING))
/* Something of it lives there, and will want its disk. */
#define needs_disk(n) (own[n] != ABSENT || (incoming[n] && receiver[n]))

/* A run dies: its workers see the end of its orders; what it has started goes on. */
inline end_run(a) {
  alive[a] = false;
  session[a] = NO_SESSION;
  if :: lock[0] == a -> lock[0] = NOBODY :: else fi;
  if :: lock[1] == a -> lock[1] = NOBODY :: else fi
}

inline crash(n) {
  printf("node%d loses its power\n", n + 1);
  node_failed = true;
  if :: alive[n] -> end_run(n); killed[n] = true :: else fi;
  up[n] = false;
  own[n] = ABSENT; incoming[n] = false; away[n] = false; older[n] = false;
  leaving[n] = false; left_since[n] = false; left[n] = false; creating[n] = 0;
  sender[n] = NONE; transport[n] = NONE; receiver[n] = NONE;
  COMMAND(n, 0) = 0; COMMAND(n, 1) = 0;
  lock[n] = NOBODY;
  primary[n] = false; window[n] = false; alone[n] = false; discards[n] = false; writes[n] = 0;
  got[n] = 0;
#ifdef HELD_OPEN
  in_use[n] = false;
#endif
  if :: session[PEER(n)] -> session[PEER(n)] = BROKEN :: else fi;
  if :: connected -> lose_connection() :: else fi
}

/* What a worker can be asked to do. */
#define PROMOTE 1
#define DEMOTE 2
#define CREATE 3
#define OPEN_HERE 4
#define CLOSE_HERE 5
#define SHUTDOWN 6
#define DESTROY_INCOMING 7
#define DESTROY_AWAY 8
#define DESTROY 9
#define UNPAUSE 10
#define RESUME 11
#define END_RECEIVER 12
#define CONNECT_HERE 13
#define DISCARD_HERE 14
#define WRITE_RECORD 15        /* phase before-go */
#define WRITE_READY_PASSED 16
#define REMOVE_RECORD 17

inline drbdadm(n, what) {
  if
  :: what == PROMOTE ->
     if
     :: primary[n] || (connected && primary[PEER(n)] && !(window[0] && window[1])) || (!connected && behind[n]) ->
        printf("node%d: drbdadm primary changes nothing\n", n + 1)
     :: else ->
        printf("node%d: drbdadm primary\n", n + 1);
        primary[n] = true; discards[n] = false;
        if :: !connected -> ahead[n] = true :: else fi
     fi
  :: what == DEMOTE && !held_open(n) ->
     printf("node%d: drbdadm secondary\n", n + 1);
#ifndef NO_DISK
     if :: needs_disk(n) -> accident(disk_taken_away) :: else fi;
#endif
     primary[n] = false
  :: what == OPEN_HERE -> printf("node%d: allow-two-primaries=yes\n", n + 1); window[n] = true
  :: what == CLOSE_HERE && !(primary[0] && primary[1]) ->
     printf("node%d: allow-two-primaries=no\n", n + 1); window[n] = false
  :: what == CONNECT_HERE -> printf("node%d: drbdadm connect\n", n + 1); alone[n] = false
  :: what == DISCARD_HERE && !primary[n] ->
     printf("node%d: drbdadm connect --discard-my-data\n", n + 1);
     alone[n] = false; discards[n] = true
  :: else -> printf("node%d: drbdadm refuses\n", n + 1)
  fi;
  settle()
}

/* The memory that is destroyed here is the guest's only one, and an xl migrate would still bring it to life. */
inline still_moves(n) {
  if :: sender[n] && own[PEER(n)] != RUNNING -> accident(destroyed_while_it_moves) :: else fi
}

inline xl(n, what) {
  if :: what == CREATE -> creating[n] = 0 :: else fi;
  if
  :: what == CREATE && (own[n] == ABSENT || own[n] == REBOOTING) ->
     without_disk[n] = false;
     printf("node%d: xl create\n", n + 1); comes_to_life(n)
  :: what == SHUTDOWN && own[n] == RUNNING ->
     if
     :: printf("node%d: the guest shuts down\n", n + 1); own[n] = ABSENT
     :: printf("node%d: the guest does not listen to xl shutdown\n", n + 1)
     fi
  :: what == DESTROY_INCOMING && incoming[n] -> printf("node%d: xl destroy --incoming\n", n + 1); incoming[n] = false
  :: what == DESTROY_AWAY && away[n] ->
     printf("node%d: xl destroy --migratedaway\n", n + 1); still_moves(n); away[n] = false; older[n] = false
  :: what == DESTROY && own[n] == SUSPENDED -> printf("node%d: xl destroy\n", n + 1); still_moves(n); own[n] = ABSENT
  :: what == UNPAUSE && own[n] == PAUSED ->
     printf("node%d: xl unpause\n", n + 1);
     if :: older[n] -> accident(resumed_with_old_memory) :: else fi;
     comes_to_life(n)
  :: what == RESUME && (own[n] == SUSPENDED || away[n] && own[n] == ABSENT) ->
     printf("node%d: xl resume\n", n + 1);
     if :: older[n] -> accident(resumed_with_old_memory) :: else fi;
     away[n] = false; comes_to_life(n)
  :: what == END_RECEIVER -> printf("node%d: ends migrate-receive\n", n + 1); receiver[n] = NONE
  :: else -> printf("node%d: xl fails\n", n + 1)
  fi
}

inline write_record(n, a, before) {
  record[n] = true; record_before_go[n] = before;
  record_writes[n] = noted_writes[a]; record_got[n] = noted_got[a]; record_source[n] = noted_source[a];
  if
  :: a == n -> record_source_boot[n] = boot[n]; record_target_boot[n] = peer_boot[a]
  :: else -> record_source_boot[n] = peer_boot[a]; record_target_boot[n] = boot[a]
  fi
}

inline carry_out(n, a) {
  if
  :: COMMAND(n, a) == WRITE_RECORD -> printf("node%d: writes the record\n", n + 1); write_record(n, a, true)
  :: COMMAND(n, a) == WRITE_READY_PASSED -> write_record(n, a, false)
  :: COMMAND(n, a) == REMOVE_RECORD ->
     record[n] = false; record_before_go[n] = false;
     record_source_boot[n] = 0; record_target_boot[n] = 0; record_writes[n] = 0; record_got[n] = 0;
     record_source[n] = 0
  :: COMMAND(n, a) == PROMOTE || COMMAND(n, a) == DEMOTE || COMMAND(n, a) == OPEN_HERE ||
     COMMAND(n, a) == CLOSE_HERE || COMMAND(n, a) == CONNECT_HERE || COMMAND(n, a) == DISCARD_HERE ->
     drbdadm(n, COMMAND(n, a))
  :: else -> xl(n, COMMAND(n, a))
  fi;
  COMMAND(n, a) = 0
}

/* Whether the tool of the migration from n can be heard by its transport. */
#define tool_hears(n) (alive[run_of[n]] && (run_of[n] == n || session[run_of[n]] == ANSWERS))
#define tool_is_gone(n) (!alive[run_of[n]] || (run_of[n] != n && session[run_of[n]] == NO_SESSION))

/* The sender n sees the end of its stream, or its failure. */
inline sender_fails(n) {
  if
  :: sender[n] == COPYING || sender[n] == SENT ->
     sender[n] = NONE;
     if
     :: own[n] == SUSPENDED -> printf("node%d: xl migrate fails and resumes the guest\n", n + 1); comes_to_life(n)
     :: else -> printf("node%d: xl migrate fails, the guest runs on\n", n + 1)
     fi
  :: else -> printf("node%d: xl migrate gives up, the domain stays --migratedaway\n", n + 1); sender[n] = NONE
  fi
}

proctype Node(byte n) {
end:
  do
  /* commands that a worker has started */
  :: atomic { COMMAND(n, 0) && !(COMMAND(n, 0) == PROMOTE && connected && !drbd_net_ok) -> carry_out(n, 0) }
  :: atomic { COMMAND(n, 1) && !(COMMAND(n, 1) == PROMOTE && connected && !drbd_net_ok) -> carry_out(n, 1) }
  /* a migration from n */
  :: atomic { sender[n] == COPYING && transport[n] == CONNECTING && !receiver[PEER(n)] && net_ok && !incoming[PEER(n)] ->
       printf("node%d: migrate-receive begins, --incoming is there\n", PEER(n) + 1);
       transport[n] = COPYING; receiver[PEER(n)] = COPYING; incoming[PEER(n)] = true;
       without_disk[PEER(n)] = false; settle() }
  :: atomic { sender[n] == COPYING && transport[n] == COPYING && receiver[PEER(n)] == COPYING && net_ok &&
              own[n] == RUNNING ->
       printf("node%d: the guest is suspended, the transport holds the last record\n", n + 1);
       own[n] = SUSPENDED; sender[n] = SENT;
#ifdef NO_HELD_RECORD
       transport[n] = RELEASED
#else
       transport[n] = HELD
#endif
     }
  :: atomic { transport[n] == RELEASED && receiver[PEER(n)] == WAITING && net_ok -> transport[n] = READY }
  :: atomic { sender[n] == SENT && transport[n] == PASSED ->
       printf("node%d: xl has read ready and renames the guest: --migratedaway\n", n + 1);
       own[n] = ABSENT; away[n] = true; sender[n] = RENAMED }
  :: atomic { sender[n] == RENAMED && transport[n] == PASSED ->
       printf("node%d: xl says GO\n", n + 1);
       sender[n] = WAITING; transport[n] = GONE; go[PEER(n)] = true }
  :: atomic { sender[n] == CLEARING ->
       printf("node%d: xl destroys --migratedaway and ends\n", n + 1);
       away[n] = false; older[n] = false; sender[n] = NONE; transport[n] = NONE }
  :: atomic { sender[n] == COPYING && own[n] == ABSENT && transport[n] ->
       printf("node%d: the guest is gone, and with it its copy\n", n + 1); transport[n] = NONE }
  /* ... whose transport ends: its tool is gone, or its ssh */
#ifndef NO_END_AFTER_READY_ONLY_BEFORE
#define transport_may_end(n) (transport[n] && transport[n] != PASSED && transport[n] != GONE)
#else
#define transport_may_end(n) (transport[n])
#endif
  :: atomic { transport_may_end(n) && tool_is_gone(n) ->
       printf("node%d: the transport ends, for its tool is gone\n", n + 1); transport[n] = NONE }
  :: atomic { transport[n] && (!net_ok || transport[n] != CONNECTING && !receiver[PEER(n)]) && sender[n] != CLEARING ->
       printf("node%d: the ssh of the migration ends\n", n + 1); transport[n] = NONE }
  :: atomic { sender[n] && sender[n] != CLEARING && !transport[n] -> sender_fails(n) }
  /* a migration to n */
  :: atomic { receiver[n] == COPYING && transport[PEER(n)] == RELEASED && net_ok ->
       receiver[n] = WAITING; without_disk[n] = !primary[n] }
  :: atomic { go[n] && receiver[n] == WAITING && net_ok -> go[n] = false; receiver[n] = CLEARED }
  :: atomic { go[n] && !transport[PEER(n)] && (!net_ok || receiver[n] != WAITING) -> go[n] = false }
  :: atomic { receiver[n] == CLEARED ->
       if
       :: incoming[n] && (own[n] == ABSENT || own[n] == REBOOTING) ->
          printf("node%d: migrate-receive has GO and renames its copy\n", n + 1);
          incoming[n] = false; own[n] = PAUSED; receiver[n] = UNPAUSING
       :: else -> receiver[n] = NONE
       fi }
  :: atomic { receiver[n] == UNPAUSING && own[n] == PAUSED ->
       printf("node%d: the guest runs here now\n", n + 1); receiver[n] = REPORTING; comes_to_life(n) }
  :: atomic { receiver[n] == REPORTING ->
       if
       :: net_ok && sender[PEER(n)] == WAITING && transport[PEER(n)] == GONE -> sender[PEER(n)] = CLEARING
       :: else
       fi;
       receiver[n] = NONE }
  :: atomic { (receiver[n] == COPYING || receiver[n] == WAITING) && !go[n] && !transport[PEER(n)] ->
       if
       :: printf("node%d: migrate-receive ends and destroys its copy\n", n + 1); incoming[n] = false
       :: printf("node%d: migrate-receive ends, its copy stays\n", n + 1)
       fi;
       receiver[n] = NONE }
#ifdef GUEST_REBOOTS
  :: atomic { own[n] == RUNNING && !sender[n] -> printf("node%d: the guest reboots\n", n + 1); own[n] = REBOOTING }
  :: atomic { own[n] == REBOOTING -> printf("node%d: the guest is started again by its xl\n", n + 1); comes_to_life(n) }
#endif
  od
}

/* What the network and DRBD do by themselves, and what may fail, FAILURES times in all. */
inline expire(a) {
  session[a] = NO_SESSION;
  if :: lock[PEER(a)] == a -> lock[PEER(a)] = NOBODY :: else fi
}

#ifndef MAY_FAIL
#define MAY_FAIL 127
#endif
#define BOTH_LINKS 1
#define LINK_OF_DRBD 2
#define LINK_OF_SSH 4
#define NODE1 8
#define NODE2 16
#define TOOL 32
#define TRANSPORT 64
#define RECEIVER 128 /* not unless a scenario says so */
#define may_be_opened(n) (!held_open(n) && own[n] == ABSENT && !incoming[n] && lock_is_free(0) && lock_is_free(1))
#define may_fail(what) (left_to_fail && !at_last && (MAY_FAIL & (what)))

proctype Failures() {
  byte left_to_fail = FAILURES;
  bool by_hand = true, foreign_writer = true;
end:
  do
  :: atomic { connected && !drbd_net_ok -> printf("DRBD notices that the link is gone\n"); lose_connection() }
  :: atomic { !connected && drbd_net_ok && !alone[0] && !alone[1] -> reconnect() }
  :: atomic { connected && behind[0] -> behind[0] = false }
  :: atomic { connected && behind[1] -> behind[1] = false }
  :: atomic { session[0] == ANSWERS && !net_ok -> session[0] = SILENT }
  :: atomic { session[1] == ANSWERS && !net_ok -> session[1] = SILENT }
  :: atomic { session[0] == SILENT && net_ok -> session[0] = ANSWERS }
  :: atomic { session[1] == SILENT && net_ok -> session[1] = ANSWERS }
  :: atomic { session[0] == SILENT && !net_ok || session[0] == BROKEN -> expire(0) }
  :: atomic { session[1] == SILENT && !net_ok || session[1] == BROKEN -> expire(1) }
  :: atomic { (!net || !drbd_net) -> printf("the links are back\n"); net = true; drbd_net = true }
  :: atomic { !up[0] -> printf("node1 boots\n"); up[0] = true; boot[0]++ }
  :: atomic { !up[1] -> printf("node2 boots\n"); up[1] = true; boot[1]++ }
  /* the failures */
  :: atomic { may_fail(BOTH_LINKS) && net && drbd_net -> left_to_fail--; link_failed = true;
       printf("the links are cut\n"); net = false; drbd_net = false }
  :: atomic { may_fail(LINK_OF_DRBD) && net && drbd_net -> left_to_fail--; link_failed = true;
       printf("the link of DRBD is cut\n"); drbd_net = false }
  :: atomic { may_fail(LINK_OF_SSH) && net && drbd_net -> left_to_fail--; link_failed = true;
       printf("the link of SSH is cut\n"); net = false }
  :: atomic { may_fail(NODE1) && up[0] -> left_to_fail--; crash(0) }
  :: atomic { may_fail(NODE2) && up[1] -> left_to_fail--; crash(1) }
  :: atomic { may_fail(TOOL) && alive[0] -> left_to_fail--;
       printf("the run on node1 is killed\n"); end_run(0); killed[0] = true }
  :: atomic { may_fail(TOOL) && alive[1] -> left_to_fail--;
       printf("the run on node2 is killed\n"); end_run(1); killed[1] = true }
  :: atomic { may_fail(TRANSPORT) && transport[0] -> left_to_fail--; transport_killed = true;
       printf("the transport on node1 is killed\n"); transport[0] = NONE }
  :: atomic { may_fail(TRANSPORT) && transport[1] -> left_to_fail--; transport_killed = true;
       printf("the transport on node2 is killed\n"); transport[1] = NONE }
  :: atomic { may_fail(RECEIVER) && receiver[1] -> left_to_fail--; transport_killed = true;
       printf("migrate-receive on node2 is killed\n"); receiver[1] = NONE }
#ifdef HELD_OPEN
  /* somebody checks the file system of a guest that did not come up, on a disk that was left Primary, while nothing goes on */
  :: atomic { primary[0] && may_be_opened(0) -> printf("node1: somebody opens the disk\n"); in_use[0] = true }
  :: atomic { primary[1] && may_be_opened(1) -> printf("node2: somebody opens the disk\n"); in_use[1] = true }
#endif
#ifdef BY_HAND
  /* somebody types drbdadm primary and xl create while xen-drbd does nothing */
  :: atomic { by_hand && !alive[0] && !alive[1] && !sender[0] && !sender[1] && own[1] == ABSENT -> by_hand = false;
       printf("node2: by hand: drbdadm primary, xl create\n");
       if
       :: connected && primary[0] && !(window[0] && window[1])
       :: else -> primary[1] = true; comes_to_life(1)
       fi }
#endif
#ifdef FOREIGN_WRITER
  /* a disk that a failed migration left Primary is mounted and written in Domain-0 */
  :: atomic { foreign_writer && primary[1] && own[1] == ABSENT && !connected ->
       foreign_writer = false; printf("node2: somebody mounts the disk and writes\n");
       written[1] = true; writes[1]++ }
  /* ... or also takes DRBD down and up there afterwards, which begins to count anew */
  :: atomic { foreign_writer && primary[1] && own[1] == ABSENT && !incoming[1] && !connected ->
       foreign_writer = false; printf("node2: somebody mounts the disk, writes, and takes DRBD down and up\n");
       written[1] = true; ahead[1] = true; primary[1] = false; window[1] = false; alone[1] = false;
       discards[1] = false; writes[1] = 0; got[1] = 0 }
  /* ... or, while DRBD is Connected, under the guest that stands suspended on the other node, and whose xl has gone */
  :: atomic { foreign_writer && !at_last && primary[1] && own[1] == ABSENT && connected && (own[0] == SUSPENDED || away[0]) &&
              !sender[0] && !transport[0] && !receiver[1] ->
       foreign_writer = false; printf("node2: somebody mounts the disk and writes, and node1 gets it\n");
       writes[1]++; got[0]++; older[0] = true }
  /* ... or under the guest that stands paused there, whose receiver has gone */
  :: atomic { foreign_writer && !looked_now[0] && !looked_now[1] && !at_last && primary[1] && own[1] == PAUSED && connected && away[0] &&
              !sender[0] && !transport[0] && !receiver[1] ->
       foreign_writer = false; printf("node2: somebody mounts the disk of the paused guest and writes, and node1 gets it\n");
       writes[1]++; got[0]++; older[0] = true; older[1] = true }
  /* ... or one that has lost its peer is promoted for that, and demoted again */
  :: atomic { foreign_writer && !looked_now[0] && !looked_now[1] && !primary[1] && up[1] && own[1] == ABSENT && !connected && !behind[1] ->
       foreign_writer = false; printf("node2: somebody promotes the disk, writes, and demotes it\n");
       discards[1] = false; written[1] = true; writes[1]++; ahead[1] = true }
#endif
  od
}
