/* From a look at both nodes to a plan (src/planner), and a run of a command from its start to its end. */

#define sees_sender(n) (sender[n] && !is_unlisted(n))
#ifdef NO_REFUSAL_WHILE_IT_MOVES
#define no_migration_at_work true
#else
#define no_migration_at_work (!sees_sender(me) && (solo || !sees_sender(PEER(me))))
#endif
#ifdef NO_DISK
#define disk_may_start(n) true
#define disk_may_migrate(from) true
#else
#ifdef NO_CONNECTED
#define is_connected true
#else
#define is_connected (connected && !alone[0] && !alone[1])
#endif
#define disk_may_start(n) (up_to_date(n) && (dead -> !connected : is_connected))
#define disk_may_migrate(from) (connected && !behind[0] && !behind[1] && primary[from])
#endif
#ifdef NO_ABSENCE_ON_THE_PEER
#define is_absent_there(n) true
#else
#define is_absent_there(n) (is_absent(saw[n]) || dead && n != me)
#endif

inline remove_records() {
  if :: record[me] -> plan!REMOVE_RECORD, NEXT, me :: else fi;
  if :: !solo && record[PEER(me)] -> plan!REMOVE_RECORD, NEXT, PEER(me) :: else fi
}

inline demote_leftovers(n) {
  if :: primary[n] -> plan!DEMOTE, NEXT, n :: else fi
}

inline close_leftovers() {
  if :: (window[0] || window[1]) && (connected || window[0] != window[1]) -> plan!CLOSE_WINDOW, NEXT, me :: else fi
}

/* It runs there already: what an earlier run left is cleared away. */
inline plan_tidy(n) {
  if :: !solo && is_absent(saw[PEER(n)]) && no_migration_at_work -> demote_leftovers(PEER(n)); close_leftovers() :: else fi
}

inline plan_start(n) {
  if
  :: solo && !dead -> refusal = true
  :: runs(saw[n]) -> plan_tidy(n)
  :: runs(saw[PEER(n)]) && !is_absent_there(PEER(n)) -> plan_tidy(PEER(n))
  :: !runs(saw[n]) && is_absent_there(n) && is_absent_there(PEER(n)) && no_migration_at_work && !is_leaving(n) &&
     disk_may_start(n) ->
#ifndef NO_DISK
     if :: !dead -> demote_leftovers(PEER(n)) :: else fi;
#ifndef NO_DEMOTION_BEFORE_START
     demote_leftovers(n);
#endif
     if :: !dead -> close_leftovers() :: else fi;
#endif
     remove_records();
#ifndef NO_DISK
     plan!PROMOTE, NEXT, n;
#endif
     plan!CREATE, NEXT, n;
#ifndef NO_DISK
     plan!DEMOTE, ON_FAILURE, n
#endif
  :: else -> refusal = true
  fi
}

inline plan_move(from) {
  source = from;
  if
  :: solo -> refusal = true
  :: runs(saw[PEER(from)]) -> plan_tidy(PEER(from))
  :: runs(saw[from]) && is_absent(saw[PEER(from)]) && no_migration_at_work && !is_leaving(PEER(from)) &&
     disk_may_migrate(from) ->
#ifdef NO_DISK
     remove_records();
     plan!COPY_MEMORY, NEXT, from;
     plan!HAND_OVER, NEXT, from
#else
     demote_leftovers(PEER(from));
     close_leftovers();
     remove_records();
#ifndef NO_WINDOW_LAST
     plan!COPY_MEMORY, NEXT, from;
#endif
     plan!OPEN_WINDOW, NEXT, me; opens = true;
     plan!PROMOTE, NEXT, PEER(from);
#ifdef NO_WINDOW_LAST
     plan!COPY_MEMORY, NEXT, from;
#endif
     plan!HAND_OVER, NEXT, from;
     plan!DEMOTE, ON_FAILURE, PEER(from);
     plan!DEMOTE, NEXT, from
#ifndef NO_WINDOW_CLOSED
     ; plan!CLOSE_WINDOW, ALWAYS, me
#endif
#endif
  :: else -> refusal = true
  fi
}

inline plan_shutdown() {
  plan!SHUTDOWN, NEXT, me;
  if
  :: without_lock
  :: else ->
     if :: primary[me] -> plan!DEMOTE, NEXT, me :: else fi;
     if :: !no_moves && !solo -> close_leftovers() :: else fi
  fi
}

inline plan_stop() {
  if
  :: runs(saw[me]) && no_migration_at_work -> plan_shutdown()
  :: is_absent(saw[me]) && primary[me] && !runs(saw[PEER(me)]) -> plan!DEMOTE, NEXT, me
  :: else -> refusal = true
  fi
}

inline plan_evacuate() {
  if
  :: !runs(saw[me]) || !no_migration_at_work -> refusal = true
  :: runs(saw[me]) && no_migration_at_work && (solo || no_moves || tried) -> plan_shutdown()
  :: runs(saw[me]) && no_migration_at_work && !solo && !no_moves && !tried ->
     plan_move(me);
     if :: refusal -> refusal = false; plan_shutdown() :: else fi
  fi
}

/* --- recover (planner/recover.cpp), row by row of section 6 --- */

inline clear_half_names(n, keep_away) {
  if :: saw[n] & HAS_INCOMING ->
#ifndef NO_RECEIVER_ENDED
        plan!END_RECEIVER, NEXT, n;
#endif
        plan!DESTROY_INCOMING, NEXT, n
     :: else
  fi;
  if :: (saw[n] & HAS_AWAY) && !(keep_away) -> plan!DESTROY_AWAY, NEXT, n :: else fi
}

#define record_holds(n) (record[n] && record_source_boot[n] == boot[n])
#define booted_anew(n, then) (then != boot[n] && !primary[n] && writes[n] == 0)
#define same_two_boots(n) (record_source_boot[n] == boot[n] && record_target_boot[n] == boot[PEER(n)])
#define tells_of_settings(n) (record[n] && (booted_anew(n, record_source_boot[n]) || \
                              booted_anew(PEER(n), record_target_boot[n]) || \
                              same_two_boots(n) && !primary[n] && \
                                (!record_before_go[n] || !primary[PEER(n)] && same_writes(n))))
/* of two records neither is believed */
#define settings_may_differ (record[0] != record[1] && (tells_of_settings(0) || tells_of_settings(1)))
#ifdef NO_RECORD_OF_BOOTS
#define same_boots(n) true
#else
#define same_boots(n) (record_source_boot[n] == boot[n] && record_target_boot[n] == boot[PEER(n)])
#endif
#define target_wrote_nothing(n) (record[n] && record_before_go[n] && same_boots(n) && same_writes(n) && \
                                 counts_on_since(n))
#define stands_alone (alone[0] || alone[1])

inline close_windows() {
  close_leftovers();
  if :: stands_alone && (window[0] != window[1] || settings_may_differ) -> plan!CONNECT, NEXT, me; alone_left = false
     :: else
  fi
}

inline plan_running(n) {
  clear_half_names(me, false); clear_half_names(PEER(me), false);
  demote_leftovers(PEER(n));
  close_windows();
  if
  :: alone_left && !(saw[PEER(n)] & HAS_AWAY) && target_wrote_nothing(n) ->
     plan!RECONNECT, NEXT, PEER(n);
     if :: window[0] || window[1] -> plan!CLOSE_WINDOW, NEXT, me :: else fi
  :: else ->
     if
     :: alone_left -> if :: len(plan) == 0 -> refusal = true :: else fi
     :: else -> if :: connected || stands_alone -> remove_records() :: else fi
     fi
  fi
}

/* Of two records neither is believed. */
#ifdef NO_PROOF_OF_THE_MEMORY
#define memory_is_current(n) true
#else
#define memory_is_current(n) (record[n] -> !record[PEER(n)] && record_holds(n) && record_source[n] == got[n] : \
                                           !window[0] && !window[1] && !primary[PEER(n)])
#endif

/* Resumes the suspended guest where nothing of it can have run, and nobody can have written to its disk, since; else, with
   --yes, starts it again. */
inline bring_back(n, may_resume) {
  demote_leftovers(PEER(n));
  if
  :: (may_resume) && memory_is_current(n) && has_resume ->
     seen_count = got[n];
     if
     :: !primary[n] && !disk_may_start(n) -> refusal = true
     :: else ->
        close_windows();
        if :: !primary[n] -> plan!PROMOTE, NEXT, n :: else fi;
        plan!RESUME, NEXT, n
     fi
  :: !((may_resume) && memory_is_current(n) && has_resume) && disk_may_start(n) && !is_leaving(n) -> /* --yes */
     close_windows();
     if :: saw[n] & HAS_AWAY -> plan!DESTROY_AWAY, NEXT, n :: else -> plan!DESTROY, NEXT, n fi;
     plan!PROMOTE, NEXT, n;
     plan!CREATE, NEXT, n;
     plan!DEMOTE, ON_FAILURE, n
  :: else -> refusal = true
  fi
}

/* The source gets what is written to the disk of the copy. */
#ifdef NO_PROOF_OF_THE_COPY
#define copy_is_current(n) true
#else
#define copy_is_current(n) (!record[PEER(n)] || !record[n] && record_holds(PEER(n)) && record_source[PEER(n)] == got[PEER(n)])
#endif

inline plan_of_own_name(n) {
  if
  :: (saw[n] & ROW) == RUNNING -> plan_running(n)
  :: (saw[n] & ROW) == PAUSED && (saw[PEER(n)] & HAS_AWAY) && !(saw[n] & HAS_RECEIVER) && disk_may_start(n) &&
     primary[n] && copy_is_current(n) ->
     seen_count = writes[n];
     plan!UNPAUSE, NEXT, n;
     clear_half_names(me, false); clear_half_names(PEER(me), false);
     demote_leftovers(PEER(n));
     close_windows()
  :: (saw[n] & ROW) == SUSPENDED && !(saw[PEER(n)] & HAS_AWAY) && !(saw[n] & (HAS_AWAY | HAS_INCOMING)) ->
     if :: (saw[PEER(n)] & HAS_RECEIVER) && !(saw[PEER(n)] & HAS_INCOMING) -> plan!END_RECEIVER, NEXT, PEER(n)
        :: else
     fi;
     clear_half_names(me, false); clear_half_names(PEER(me), false);
     bring_back(n, true)
  :: else -> refusal = true
  fi
}

#ifdef NO_DOUBT_OF_MIGRATED_AWAY
#define never_ran_there(n) true
#else
#define never_ran_there(n) (saw[PEER(n)] & HAS_INCOMING)
#endif

inline plan_migrated_away(n) {
  if
  :: saw[n] & HAS_INCOMING -> refusal = true
  :: else ->
     if :: saw[PEER(n)] & HAS_INCOMING -> clear_half_names(me, n == me); clear_half_names(PEER(me), n != me)
        :: else ->
#ifndef NO_RECEIVER_ENDED
           if :: saw[PEER(n)] & HAS_RECEIVER -> plan!END_RECEIVER, NEXT, PEER(n) :: else fi
#else
           skip
#endif
     fi;
     bring_back(n, never_ran_there(n))
  fi
}

inline plan_nowhere() {
  clear_half_names(me, false); clear_half_names(PEER(me), false);
  demote_leftovers(0); demote_leftovers(1);
  close_windows();
  if :: alone_left -> if :: len(plan) == 0 -> refusal = true :: else fi
     :: else -> if :: connected || stands_alone -> remove_records() :: else fi
  fi
}

#ifdef NO_REFUSAL_OF_THE_UNLISTED
#define may_still_migrate false
#else
#define is_half_done(n) ((saw[n] & (HAS_INCOMING | HAS_AWAY)) || (saw[n] & ROW) == SUSPENDED)
#define may_still_migrate ((is_unlisted(0) || is_unlisted(1)) && (is_half_done(0) || is_half_done(1)))
#endif

inline plan_recover() {
  alone_left = stands_alone;
  if
  :: solo || !no_migration_at_work || saw[0] >= UNKNOWN || saw[1] >= UNKNOWN || may_still_migrate -> refusal = true
  :: else ->
     if
     :: (saw[0] & ROW) == REBOOTING || (saw[1] & ROW) == REBOOTING || ((saw[0] & ROW) && (saw[1] & ROW)) ||
        ((saw[0] & HAS_AWAY) && (saw[1] & HAS_AWAY)) -> refusal = true
     :: else ->
        if
        :: saw[0] & ROW -> plan_of_own_name(0)
        :: saw[1] & ROW -> plan_of_own_name(1)
        :: !(saw[0] & ROW) && !(saw[1] & ROW) && (saw[0] & HAS_AWAY) -> plan_migrated_away(0)
        :: !(saw[0] & ROW) && !(saw[1] & ROW) && (saw[1] & HAS_AWAY) -> plan_migrated_away(1)
        :: else -> plan_nowhere()
        fi
     fi
  fi
}

/* --- a run --- */

#ifdef NO_SIGNS_OF_LIFE
#define may_be_dead claimed_dead
#else
#define may_be_dead (claimed_dead && !net_ok && !connected)
#endif

inline consider_dead_peer() {
#ifdef PEER_IS_DEAD
  if
  :: atomic { solo && may_be_dead ->
       printf("node%d: --peer-is-dead is accepted\n", me + 1); dead = true; overridden = true }
  :: true
  fi
#else
  skip
#endif
}

inline connect_to_peer() {
  if
  :: atomic { net_ok -> session[me] = ANSWERS; peer_boot[me] = boot[PEER(me)] }
  :: atomic { !net_ok -> solo = true;
#ifdef NO_REFUSAL_WITHOUT_PEER
       dead = true
#endif
     }
  fi;
#ifdef NO_LOCK_BEFORE_THE_CLAIM
  consider_dead_peer()
#endif
}

inline take_half(n) {
  if
  :: atomic { answers(n) && lock_is_free(n) -> lock[n] = me }
  :: atomic { answers(n) && !lock_is_free(n) -> busy = true }
  :: atomic { is_lost(n) -> busy = true }
  fi
}

#ifdef NO_LOCK_ON_THE_PEER
#define takes_half(n) (me == n)
#else
#define takes_half(n) (!solo || me == n)
#endif

inline take_lock() {
#ifdef NO_LOCK_FOR_A_STOP
  if
  :: solo && wish == STOP
  :: else ->
#endif
  if :: takes_half(0) -> take_half(0) :: else fi;
  if :: !busy && takes_half(1) -> take_half(1) :: else fi
#ifdef NO_LOCK_FOR_A_STOP
  fi
#endif
}

inline release_lock() {
  atomic {
    if :: lock[0] == me -> lock[0] = NOBODY :: else fi;
    if :: lock[1] == me -> lock[1] = NOBODY :: else fi
  }
}

inline forget() {
  busy = false; refusal = false; failure = FINE; failed = FINE; held = FINE; moved = NOT_CLEAR; clean = false;
  verdict_given = false; migrating = false; passed = false; recorded = false; left_behind = false; touched = false;
  opens = false; alone_left = false; saw[0] = ABSENT; saw[1] = ABSENT; step = 0; when = 0; node = 0; source = 0;
  seen_count = 0;
  /* a command that outlives the run has what it writes with it */
  if
  :: COMMAND(0, me) != WRITE_RECORD && COMMAND(1, me) != WRITE_RECORD &&
     COMMAND(0, me) != WRITE_READY_PASSED && COMMAND(1, me) != WRITE_READY_PASSED ->
     noted_writes[me] = 0; noted_got[me] = 0; noted_source[me] = 0
  :: else
  fi;
  do :: plan?_, _, _ :: empty(plan) -> break od
}

#ifdef MIGRATE_THEN_RECOVER
#define may_migrate (me == 0 && runs_left == 1)
/* the last recover waits until everything is back, and nothing fails any more */
#define all_is_back (net_ok && drbd_net_ok && (connected || alone[0] || alone[1]) && !behind[0] && !behind[1] && \
                     !sender[0] && !sender[1] && !receiver[0] && !receiver[1] && \
                     !command[0] && !command[1] && !command[2] && !command[3])
#define may_recover (me == 1 || runs_left == 0 && all_is_back)
#define may_begin (me == 1 || runs_left == 2 || all_is_back && !alive[1])
#else
#define may_begin true
#define may_migrate true
#define may_recover true
#endif

#define types(x) (((me == 0 -> COMMANDS_OF_1 : COMMANDS_OF_2) >> x) & 1)
#define brings_here (wish == START || wish == MIGRATE_IN)

inline choose() {
  if
#if MAY(START)
  :: types(START) -> wish = START; printf("node%d: xen-drbd start\n", me + 1)
#endif
#if MAY(START_THERE)
  :: types(START_THERE) -> wish = START_THERE; printf("node%d: xen-drbd starts it on the peer\n", me + 1)
#endif
#if MAY(MIGRATE_OUT)
  :: types(MIGRATE_OUT) && may_migrate -> wish = MIGRATE_OUT; printf("node%d: xen-drbd migrate-out\n", me + 1)
#endif
#if MAY(MIGRATE_IN)
  :: types(MIGRATE_IN) -> wish = MIGRATE_IN; printf("node%d: xen-drbd migrate-in\n", me + 1)
#endif
#if MAY(STOP)
  :: types(STOP) -> wish = STOP; printf("node%d: xen-drbd stop\n", me + 1)
#endif
#if MAY(EVACUATE)
  :: types(EVACUATE) -> wish = EVACUATE; printf("node%d: xen-drbd evacuate\n", me + 1); leaving[me] = true
#endif
#if MAY(RECOVER)
  :: types(RECOVER) && may_recover -> wish = RECOVER; printf("node%d: xen-drbd recover\n", me + 1); at_last = (me == 0)
#endif
  fi
}

/* rule 5.10: a command that brings domains here is a decision to come back, and ends the evacuation that it was typed
   after; one that was typed since is newer */
inline end_leaving() {
  if
#ifndef NO_MARK_NEWER_THAN_THE_COMMAND
  :: left_since[me] -> refusal = true
#else
  :: left_since[me] -> leaving[me] = false; left_before = false
#endif
  :: else -> leaving[me] = false; left[me] = false; left_before = false
  fi
}

inline look_and_act() {
#ifdef NO_AGE_OF_THE_MARK
  atomic { left_before = leaving[me] };
#endif
  look(PEER(me));
  look(me);
  atomic {
    if
    :: wish == START -> plan_start(me)
    :: wish == START_THERE -> plan_start(PEER(me))
    :: wish == MIGRATE_OUT -> plan_move(me)
    :: wish == MIGRATE_IN -> plan_move(PEER(me))
#if MAY(STOP)
    :: wish == STOP -> plan_stop()
#endif
#if MAY(EVACUATE)
    :: wish == EVACUATE -> plan_evacuate()
#endif
#if MAY(RECOVER)
    :: wish == RECOVER -> plan_recover()
#endif
    fi;
    saw[0] = ABSENT; saw[1] = ABSENT
  };
  if :: refusal -> skip :: else -> execute() fi
}

proctype Administrator(byte me; byte runs_left) {
  byte wish, step, when, node, source, moved, failure, failed, held, rounds, seen_count;
  byte saw[2];
  bool solo, dead, busy, refusal, clean, verdict_given, migrating, passed, recorded, left_behind, touched, opens;
#ifdef UNLISTED
  bool unlisted[2];
#endif
  bool alone_left, no_moves, without_lock, tried, left_before;
  chan plan = [14] of { byte, byte, byte };
end:
  do
  :: atomic { runs_left && up[me] && !killed[me] && may_begin -> runs_left--; alive[me] = true; choose(); left_before = leaving[me]; left_since[me] = false };
     {
       connect_to_peer();
       take_lock();
       if
#if MAY(EVACUATE)
       :: atomic { busy && wish == EVACUATE -> busy = false; no_moves = true };
          release_lock();
          take_half(me);
          atomic { if :: busy -> busy = false; without_lock = true :: else fi }
#endif
       :: atomic { busy && wish != EVACUATE -> refusal = true }
       :: atomic { !busy }
       fi;
#ifndef NO_LOCK_BEFORE_THE_CLAIM
       if :: !refusal -> consider_dead_peer() :: else fi;
#endif
       if
       :: !refusal ->
          atomic { if :: brings_here -> end_leaving() :: else fi };
          if :: refusal :: else -> look_and_act() fi;
#if MAY(EVACUATE)
          if
          :: wish == EVACUATE && failure != FINE -> atomic { forget(); tried = true }; look_and_act()
          :: else
          fi;
          if
          :: wish == EVACUATE ->
             !creating[me];
             look(me);
             atomic { if :: is_absent(saw[me]) && leaving[me] ->
                            printf("node%d: nothing is left here, evacuate says 0\n", me + 1); left[me] = true
                         :: else
                      fi }
          :: else
          fi
#endif
#if MAY(RECOVER)
          do
          :: wish == RECOVER && rounds < 3 && !refusal && failure == FINE ->
             atomic { forget(); rounds++ };
             look_and_act()
          :: else -> break
          od
#endif
       :: else
       fi
     } unless { killed[me] };
     atomic {
       if :: alive[me] -> end_run(me) :: else fi;
       no_create_is_near(0); no_create_is_near(1);
       looked_now[me] = false;
       killed[me] = false;
       printf("node%d: the run ends%d\n", me + 1, failure);
       forget();
       wish = 0; solo = false; dead = false; no_moves = false; without_lock = false; tried = false; left_before = false; rounds = 0
     }
  :: atomic { runs_left && killed[me] -> killed[me] = false }
  od
}

#ifdef BESIDE
/* An evacuation that is typed on a node whose lock another run of the same node holds, and does without. */
proctype Evacuation(byte n) {
end:
  atomic { up[n] -> printf("node%d: xen-drbd evacuate beside it\n", n + 1); leaving[n] = true; left_since[n] = true };
end_of_the_wait: /* the other run may end: this one has the lock then, like any other */
  atomic { up[n] && !lock_is_free(n) && !sender[n] && !creating[n];
     if
     :: own[n] == RUNNING ->
        if
        :: printf("node%d: the guest shuts down\n", n + 1); own[n] = ABSENT
        :: printf("node%d: the guest does not listen\n", n + 1)
        fi
     :: else
     fi };
end_of_the_look:
  atomic { up[n] && !creating[n];
     if
     :: leaving[n] && own[n] == ABSENT && !incoming[n] && !away[n] ->
        printf("node%d: nothing is left here, evacuate says 0\n", n + 1); left[n] = true
     :: else
     fi }
}
#endif
