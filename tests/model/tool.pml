/* What xen-drbd does: connect, lock, look, plan, carry out, look again. Names as in src/planner and src/engine. */

/* The steps of a plan, beside those of one command each (world.pml). */
#define OPEN_WINDOW 20
#define CLOSE_WINDOW 21
#define COPY_MEMORY 22
#define HAND_OVER 23
#define RECONNECT 24 /* on the node whose changes are given up */
#define CONNECT 25

/* Whether the target of the migration from n has written no more by itself than the record says. */
#ifdef NO_RECORD_OF_WRITES
#define same_writes(n) true
#else
#define same_writes(n) (record_writes[n] == writes[PEER(n)])
#endif

/* Whether the counters of the target of the migration from n go on since the record. */
#ifdef NO_COUNT_OF_WHAT_CAME
#define counts_on_since(n) true
#else
#define counts_on_since(n) (record_got[n] > 0 && got[PEER(n)] >= record_got[n])
#endif

/* model::When */
#define NEXT 0
#define ON_FAILURE 1
#define ALWAYS 2

/* How a step, or the run for its domain, failed. */
#define FINE 0
#define FAILED 1
#define NOT_KNOWN 2

/* engine::Moved */
#define NOT_CLEAR 0
#define MOVED 1
#define STAYED 2

/* The commands of an administrator. */
#define START 1
#define START_THERE 2 /* migrate-and-start-all, for a domain at home on the peer */
#define MIGRATE_OUT 3
#define MIGRATE_IN 4
#define STOP 5
#define EVACUATE 6
#define RECOVER 7
#define MAY(x) ((COMMANDS >> x) & 1)

/* What one look at a node shows of the domain: its row, its half-names, whether a receiver is at work. */
#define ROW 7
#define HAS_INCOMING 8
#define HAS_AWAY 16
#define HAS_RECEIVER 32
#define UNKNOWN 64 /* xl failed, hung, or is missing */
#define LOST 128   /* the node could not be asked */
#ifdef NO_HALF_NAMES
#define half_names(n) 0
#else
#define half_names(n) (HAS_INCOMING * incoming[n] + HAS_AWAY * away[n])
#endif
#ifdef NO_WATCHERS
#define row(n) (own[n] == REBOOTING -> ABSENT : own[n])
#else
#define row(n) own[n]
#endif
#define sight(n) (row(n) + half_names(n) + (receiver[n] -> HAS_RECEIVER : 0))
#define without_receiver(sight) (sight & ~HAS_RECEIVER)
#define is_absent(sight) (without_receiver(sight) == ABSENT)
#define runs(sight) (without_receiver(sight) == RUNNING)

#define answers(n) ((n) == me || (net_ok && session[me] == ANSWERS))
#define is_lost(n) ((n) != me && session[me] == NO_SESSION)

/* rule 5.5: every node of the run has answered within 5 s */
#ifdef NO_YOUNG_ANSWER
#define in_command true
#else
#define in_command (solo || session[me] == ANSWERS || session[me] == BROKEN)
#endif

#ifdef UNLISTED
#define is_listed(n) unlisted[n] = false
#define is_unlisted(n) unlisted[n]
#else
#define is_listed(n) skip
#define is_unlisted(n) false
#endif

inline look(n) {
  if
#ifdef WATCHERS_UNLISTABLE
  :: atomic { answers(n) -> saw[n] = (own[n] == REBOOTING -> ABSENT : sight(n)) }
#else
  :: atomic { answers(n) -> saw[n] = sight(n); is_listed(n) }
#endif
  :: atomic { is_lost(n) -> saw[n] = LOST }
#ifdef XL_FAILS
  :: atomic { answers(n) && xl_fails -> xl_fails--; printf("node%d: xl list fails\n", n + 1); saw[n] = UNKNOWN }
#endif
#ifdef UNLISTED
  :: atomic { answers(n) && unlisted_looks && !at_last -> unlisted_looks--; printf("node%d: processes are not listed\n", n + 1);
       saw[n] = (own[n] == REBOOTING -> ABSENT : sight(n) & ~HAS_RECEIVER); unlisted[n] = true }
#endif
  fi
#ifdef NO_UNKNOWN
  ; if :: saw[n] == UNKNOWN -> saw[n] = ABSENT :: else fi
#endif
}

/* rule 5.2: the proof at the last moment. Where watchers cannot be listed it takes longer than a reboot. */
inline prove_absent(n) {
#ifdef WATCHERS_UNLISTABLE
  if
  :: atomic { answers(n) && own[n] != REBOOTING -> saw[n] = sight(n) }
  :: atomic { is_lost(n) -> saw[n] = LOST }
  fi;
#else
  look(n);
#endif
  atomic { if :: !is_absent(saw[n]) -> failed = FAILED :: else fi; saw[n] = ABSENT }
}

/* A worker is told to run a command; its end is waited for. */
inline act(n, what) {
  if
  :: atomic { answers(n) && !COMMAND(n, me) -> COMMAND(n, me) = what };
     if
     :: atomic { answers(n) && !COMMAND(n, me) }
     :: atomic { is_lost(n) -> failed = NOT_KNOWN }
     fi
  :: atomic { is_lost(n) -> failed = NOT_KNOWN }
  fi
}

/* DRBD on the node is asked. */
inline drbd_shows(n, right) {
  if
  :: atomic { answers(n) && (right) }
  :: atomic { answers(n) && !(right) -> failed = FAILED }
  :: atomic { is_lost(n) -> failed = FAILED }
  fi
}

inline must_be_in_command() {
  if :: atomic { failed == FINE && !(in_command) -> failed = FAILED } :: else fi
}

inline set_window_on(n, wanted) {
  if
  :: wanted -> act(n, OPEN_HERE)
  :: else -> act(n, CLOSE_HERE)
  fi;
  if :: failed == FINE -> drbd_shows(n, window[n] == wanted) :: else fi
}

/* The peer first, and undone there when it cannot be done here. */
inline set_window(wanted) {
#ifndef NO_WINDOW_ONLY_CONNECTED
  drbd_shows(me, connected);
#endif
  must_be_in_command();
  if :: failed == FINE -> set_window_on(PEER(me), wanted) :: else fi;
  if
  :: failed == FINE ->
     set_window_on(me, wanted);
     if
     :: atomic { failed != FINE && window[me] != wanted -> held = failed; failed = FINE };
        set_window_on(PEER(me), !wanted);
        atomic { failed = held; held = FINE }
     :: else
     fi
  :: else
  fi
}

inline close_window() {
  if
  :: atomic { opens && !touched } /* never opened by this run */
  :: atomic { !(opens && !touched) && (is_lost(PEER(me)) || solo) -> failed = FAILED }
  :: atomic { !(opens && !touched) && answers(PEER(me)) };
     if
     :: !window[0] && !window[1]
     :: window[0] != window[1] && !connected ->
        set_window_on(0, false);
        if :: failed == FINE -> set_window_on(1, false) :: else fi
     :: else -> set_window(false)
     fi
  fi
}

#ifdef FENCE
/* what the agent says of the power of the peer */
#ifdef NO_FENCE_PROOF
#define claimed_dead true
#else
#define claimed_dead (!up[PEER(me)])
#endif
#else
/* a human says so who has seen it, or whom a dead sshd or a cut link has misled */
#define claimed_dead (!up[PEER(me)] || connected)
#endif
#ifdef NO_SIGNS_OF_LIFE
#define peer_shows_life fence_says_on
#else
#define peer_shows_life (net_ok || connected || fence_says_on)
#endif
#if defined(FENCE) && !defined(NO_FENCE_PROOF)
#define fence_says_on (up[PEER(me)])
#else
#define fence_says_on false
#endif

#ifdef NO_SECOND_LOOK_AT_THE_DEAD
#undef peer_shows_life
#define peer_shows_life false
#endif

inline may_bring_to_life() {
  if :: atomic { dead && peer_shows_life -> failed = FAILED } :: else fi
}

#ifdef NO_UP_TO_DATE
#define up_to_date(n) true
#else
#define up_to_date(n) (!behind[n])
#endif

inline promote(n) {
  may_bring_to_life();
#ifndef NO_DEMOTION_BEFORE_START
  if :: failed == FINE && wish != RECOVER -> drbd_shows(n, !primary[n]) :: else fi;
#endif
#ifndef NO_CONNECTED
  if :: failed == FINE && !dead -> drbd_shows(n, connected) :: else fi;
#endif
#ifndef NO_LAST_LOOK_AT_THE_DISK
  if :: failed == FINE -> drbd_shows(n, up_to_date(n)) :: else fi;
#endif
  must_be_in_command();
  if :: failed == FINE && !primary[n] -> act(n, PROMOTE) :: else fi;
  if :: failed == FINE -> drbd_shows(n, primary[n]) :: else fi
}

inline demote(n) {
  if
  :: atomic { answers(n) && !primary[n] }
  :: atomic { is_lost(n) -> failed = FAILED }
  :: atomic { answers(n) && primary[n] };
#ifndef NO_PROOF_BEFORE_DEMOTION
     prove_absent(n);
#endif
     must_be_in_command();
     if :: failed == FINE -> act(n, DEMOTE) :: else fi;
     if :: failed == FINE -> drbd_shows(n, !primary[n]) :: else fi
  fi
}

/* rule 5.10: what is asked for here may come here; the peer gets nothing while it leaves */
#ifdef NO_LEAVING_MARK
#define is_leaving(n) false
#define leaves_since(n) false
#else
#define is_leaving(n) ((n) != me && leaving[n])
#ifdef NO_AGE_OF_THE_MARK
#define is_older(n) left_before
#else
#define is_older(n) (left_before && !left_since[n])
#endif
#ifdef NO_LOOK_AT_THE_MARK_HERE
#define leaves_since(n) ((n) != me && leaving[n])
#else
#define leaves_since(n) (leaving[n] && !((n) == me && is_older(n)))
#endif
#endif

/* Time is not in the model, but this is: an evacuation that gets no lock waits for it, 30 s, before it does without, and
   whoever has read the mark before that has begun its xl create by then. */
#if MAY(EVACUATE) && !defined(NO_WAIT_FOR_THE_LOCK)
#define create_is_near(n, is) creating[n] = ((is) -> 1 + me : 0)
#define no_create_is_near(n) if :: creating[n] == 1 + me && COMMAND(n, me) != CREATE -> creating[n] = 0 :: else fi
#else
#define create_is_near(n, is) skip
#define no_create_is_near(n) skip
#endif

inline may_arrive_on(n, creates) {
#ifndef NO_SECOND_LOOK_AT_THE_MARK
  if
  :: atomic { answers(n) && !leaves_since(n) -> create_is_near(n, creates) }
  :: atomic { answers(n) && leaves_since(n) -> failed = FAILED }
  :: atomic { is_lost(n) -> failed = FAILED }
  fi
#else
  skip
#endif
}

inline create(n) {
  may_bring_to_life();
#ifndef NO_LOOK_BEFORE_CREATE
#ifndef NO_ABSENCE_ON_THE_PEER
  if :: failed == FINE && !solo -> prove_absent(PEER(me)) :: else fi;
#endif
  if :: failed == FINE -> prove_absent(me) :: else fi;
#endif
  if :: failed == FINE -> may_arrive_on(n, true) :: else fi;
  must_be_in_command();
  if :: failed == FINE -> act(n, CREATE) :: else fi;
  create_is_near(n, COMMAND(n, me) == CREATE);
  if :: failed == FINE -> look(n);
        atomic { if :: saw[n] & (UNKNOWN | LOST) -> failed = NOT_KNOWN
                    :: else -> if :: runs(saw[n]) :: else -> failed = FAILED fi
                 fi; saw[n] = ABSENT }
     :: else
  fi
}

/* --- a migration (engine/migration.cpp) --- */

#define sender_ended(n) (answers(n) && !sender[n])

/* The transport ends, if "ready" was not passed on: xl resumes the guest. */
inline cancel(from) {
  if
  :: atomic { answers(from) && transport[from] && transport[from] != PASSED && transport[from] != GONE ->
       printf("node%d: the tool has the transport end\n", from + 1);
#ifdef NO_TRANSPORT_IS_ENDED_NOT_XL
       printf("node%d: xl migrate is killed\n", from + 1); sender[from] = NONE;
#endif
       transport[from] = NONE }
  :: atomic { answers(from) && !(transport[from] && transport[from] != PASSED && transport[from] != GONE) }
  :: atomic { is_lost(from) }
  fi
}

inline verdict(from) {
  if :: sender_ended(from) :: is_lost(from) fi;
  look(from);
  look(PEER(from));
  atomic {
    moved = NOT_CLEAR;
    if
    :: runs(saw[PEER(from)]) && (is_absent(saw[from]) || without_receiver(saw[from]) == HAS_AWAY ||
                                 without_receiver(saw[from]) == REBOOTING || saw[from] >= UNKNOWN) -> moved = MOVED
    :: runs(saw[from]) && (is_absent(saw[PEER(from)]) || without_receiver(saw[PEER(from)]) == HAS_INCOMING ||
                           saw[PEER(from)] >= UNKNOWN) -> moved = STAYED
    :: else
    fi;
    clean = moved == MOVED && is_absent(saw[from]) || moved == STAYED && is_absent(saw[PEER(from)]);
    verdict_given = true;
    failed = FAILED;
    if :: moved == NOT_CLEAR || is_lost(from) -> failed = NOT_KNOWN :: else fi;
    if :: moved == MOVED && clean && failed == FAILED -> failed = FINE :: else fi;
    saw[0] = ABSENT; saw[1] = ABSENT
  }
}

#ifdef CANCELS
#define canceller(from) :: atomic { answers(from) && cancels -> cancels--; \
  printf("node%d: the deadline passes, or Ctrl-C\n", from + 1); failed = FAILED }
#else
#define canceller(from)
#endif

/* What the target wrote while it is Connected is known to its source; nobody has promoted it yet. */
#ifdef NO_LINK_AT_THE_RECORD
#define knows_of_writes true
#else
#define knows_of_writes connected
#endif
inline note_writes(n) {
  if
  :: atomic { failed == FINE && answers(n) && knows_of_writes ->
       noted_writes[me] = writes[n]; noted_got[me] = got[n]; noted_source[me] = got[PEER(n)] }
  :: atomic { failed == FINE && answers(n) && !knows_of_writes -> failed = FAILED }
  :: atomic { failed == FINE && is_lost(n) -> failed = FAILED }
  :: atomic { failed != FINE }
  fi
}

inline copy_memory(from) {
  may_arrive_on(PEER(from), false);
  if :: failed == FINE -> prove_absent(PEER(from)) :: else fi;
  if
  :: failed == FINE -> look(from); atomic { if :: runs(saw[from]) :: else -> failed = FAILED fi; saw[from] = ABSENT }
  :: else
  fi;
  must_be_in_command();
  if
  :: atomic { failed == FINE && is_lost(from) -> failed = FAILED }
  :: atomic { failed != FINE }
  :: atomic { failed == FINE && answers(from) && !sender[from] ->
       printf("node%d: xl migrate begins\n", from + 1);
       sender[from] = COPYING; transport[from] = CONNECTING; run_of[from] = me; migrating = true };
     if
#ifdef NO_HELD_RECORD
     :: atomic { (transport[from] == RELEASED || transport[from] == READY) && answers(from) }
#else
     :: atomic { transport[from] == HELD && answers(from) }
#endif
     :: atomic { sender_ended(from) -> failed = FAILED }
     :: atomic { is_lost(from) -> failed = FAILED }
     canceller(from)
     fi;
     note_writes(PEER(from));
#ifndef NO_RECORD_BEFORE_PROMOTION
     if :: failed == FINE -> act(from, WRITE_RECORD); recorded = true :: else fi
#endif
  fi
}

inline last_look(from, is_the_last) {
  may_arrive_on(PEER(from), false);
#ifndef NO_DISK
  if
  :: atomic { failed == FINE && answers(PEER(from)) && primary[PEER(from)] && connected && !behind[PEER(from)] ->
       passed_once = passed_once || is_the_last }
  :: atomic { failed == FINE && answers(PEER(from)) && !(primary[PEER(from)] && connected && !behind[PEER(from)]) ->
       failed = FAILED }
  :: atomic { failed == FINE && is_lost(PEER(from)) -> failed = FAILED }
  :: failed != FINE
  fi;
#endif
  must_be_in_command()
}

inline hand_over(from) {
#ifdef NO_RECORD_BEFORE_PROMOTION
  act(from, WRITE_RECORD); recorded = true;
#endif
  last_look(from, false);
  if
  :: atomic { failed == FINE && answers(from) && transport[from] == HELD -> transport[from] = RELEASED }
  :: atomic { failed == FINE && answers(from) && transport[from] != HELD }
  :: atomic { failed == FINE && is_lost(from) -> failed = FAILED }
  :: atomic { failed != FINE }
  fi;
  if
  :: failed == FINE ->
     if
     :: atomic { transport[from] == READY && answers(from) }
     :: atomic { sender_ended(from) -> failed = FAILED }
     :: atomic { is_lost(from) -> failed = FAILED }
     canceller(from)
     fi
  :: else
  fi;
  if
  :: failed == FINE ->
     act(from, WRITE_READY_PASSED);
#ifndef NO_LAST_LOOK
     if :: failed == FINE -> last_look(from, true) :: else fi;
#endif
     if
     :: atomic { failed == FINE && answers(from) && transport[from] == READY ->
          printf("node%d: the tool lets ready pass\n", from + 1); transport[from] = PASSED; passed = true; passed_once = true }
     :: atomic { failed == FINE && answers(from) && transport[from] != READY -> passed = true }
     :: atomic { failed == FINE && is_lost(from) -> passed = true }
     :: atomic { failed != FINE -> held = failed; failed = FINE };
#ifdef NO_WRITES_NOTED_ONCE
        noted_writes[me] = writes[PEER(from)];
#endif
        act(from, WRITE_RECORD);
        atomic { failed = held; held = FINE }
     fi
  :: else
  fi;
  if :: failed == FINE -> verdict(from) :: else fi
}

inline abandon(from) {
  if
  :: migrating && !verdict_given ->
     if :: !passed -> cancel(from) :: else fi;
     verdict(from);
     atomic { failure = (failed == FINE -> FAILED : failed) }
  :: else
  fi
}

/* --- carrying a plan out (engine/domain_run.cpp) --- */

#define node_where_it_runs (!verdict_given || moved == NOT_CLEAR -> NOBODY : (moved == STAYED -> source : PEER(source)))

#define is_due ((failure == FINE && when != ON_FAILURE) || \
                (failure != FINE && (when == ALWAYS || \
                  (when == NEXT && step == DEMOTE && verdict_given && moved == MOVED && node == source) || \
                  (when == ON_FAILURE && failure != NOT_KNOWN && node != node_where_it_runs))))

inline perform() {
  if
  :: step == PROMOTE -> promote(node)
  :: step == DEMOTE -> demote(node)
  :: step == CREATE -> create(node)
  :: step == OPEN_WINDOW -> touched = true; set_window(true)
  :: step == CLOSE_WINDOW -> close_window()
  :: step == COPY_MEMORY -> copy_memory(node)
  :: step == HAND_OVER -> hand_over(node)
#if MAY(STOP) || MAY(EVACUATE)
  :: step == SHUTDOWN ->
     if :: solo || in_command -> act(node, SHUTDOWN) :: else -> act(node, SHUTDOWN) fi;
     if :: failed == FINE -> prove_absent(node) :: else fi
#endif
#if MAY(RECOVER)
  :: step == DESTROY_INCOMING || step == DESTROY_AWAY || step == DESTROY || step == END_RECEIVER ->
     must_be_in_command();
     if :: failed == FINE -> act(node, step) :: else fi
  :: step == UNPAUSE ->
     look(PEER(node));
     atomic { if :: is_absent(saw[PEER(node)]) || without_receiver(saw[PEER(node)]) == HAS_AWAY :: else -> failed = FAILED fi;
              saw[PEER(node)] = ABSENT };
     must_be_in_command();
#ifndef NO_SECOND_LOOK_AT_THE_COPY
     atomic {
       if :: failed == FINE && writes[node] != seen_count -> failed = FAILED :: else fi;
       looked_now[me] = failed == FINE /* nobody mounts it in the moment until the next command */
     };
#endif
     if :: failed == FINE -> act(node, UNPAUSE) :: else fi;
     looked_now[me] = false
  :: step == RESUME ->
     may_bring_to_life();
#ifndef NO_PROOF_BEFORE_RESUME
     if :: !dead && failed == FINE -> prove_absent(PEER(node)) :: else fi;
#endif
     must_be_in_command();
#ifndef NO_SECOND_LOOK_AT_THE_DISKS
     if :: failed == FINE -> drbd_shows(node, got[node] == seen_count) :: else fi;
#endif
     if :: failed == FINE -> act(node, RESUME) :: else fi
  :: step == RECONNECT ->
     must_be_in_command();
#ifndef NO_SECOND_LOOK_AT_THE_WRITES
     atomic {
       if :: failed == FINE && (primary[node] || !same_writes(PEER(node)) || !counts_on_since(PEER(node))) -> failed = FAILED :: else fi;
       looked_now[me] = failed == FINE /* nobody promotes, writes and demotes in the moment until the next command */
     };
#endif
     if :: failed == FINE -> act(node, DISCARD_HERE) :: else fi;
     looked_now[me] = false;
     if :: failed == FINE -> act(PEER(node), CONNECT_HERE) :: else fi;
     if :: failed == FINE -> drbd_comes_back() :: else fi
  :: step == CONNECT ->
     must_be_in_command();
     if :: failed == FINE -> act(PEER(me), CONNECT_HERE) :: else fi;
     if :: failed == FINE -> act(me, CONNECT_HERE) :: else fi;
     if :: failed == FINE -> drbd_comes_back() :: else fi
#endif
  :: step == REMOVE_RECORD -> must_be_in_command(); if :: failed == FINE -> act(node, REMOVE_RECORD) :: else fi
  fi
}

inline drbd_comes_back() {
  if
  :: atomic { connected }
  :: atomic { alone[0] || alone[1] || !drbd_net_ok -> failed = FAILED }
  fi
}

inline execute() {
  do
  :: atomic { plan?step, when, node -> failed = FINE };
     if
     :: is_due ->
        perform();
        if
        :: atomic { failed != FINE && when == NEXT && failure == FINE -> failure = failed };
           abandon(source)
        :: atomic { failed != FINE && !(when == NEXT && failure == FINE) -> left_behind = true }
        :: atomic { failed == FINE }
        fi
     :: else
     fi
  :: atomic { empty(plan) -> break }
  od;
  if
#ifdef NO_RECORD_KEPT_UNTIL_CONNECTED
#define may_forget true
#else
#define may_forget connected
#endif
  :: recorded && !left_behind && verdict_given && moved != NOT_CLEAR && clean && may_forget -> act(source, REMOVE_RECORD)
  :: else
  fi
}
