/*
 * The order of bit, data, copy and fence in a shadow set of two members, S and T.
 *
 * ALPHA is the master of the write bitmap and the node that copies and merges; VAX only writes, and may crash at any
 * instant.  T leaves the set, stays away while both nodes write, returns by minicopy and becomes a full member.
 * Two blocks are one range, and one bit; even blocks are written by ALPHA, odd ones by VAX, as an application's own
 * locks would have it.  A block's content is the number of its write.
 *
 * What must hold is in the assertions.  Each of the names below makes one thing wrong; spin then has to find the
 * history that loses data:
 *
 *   BIT_AFTER_DATA     a write marks its bit when the data is on the disk
 *   NO_RANGE_LOCK      a write to a range that is being copied does not wait
 *   LATE_BITMAP        a node goes on with the old membership after the member has left
 *   FENCE_FIRST        the fence of a merge moves on before the range is equal
 *   BLIND_REPAIR       a read that repairs a range ahead of the fence does not lock it
 *   BITMAP_WHILE_TORN  a member leaves with a bitmap although the set needs a merge
 *   ASKED_TOO_EARLY    ALPHA, which adopts a state last, lets VAX write by it before, and locks nothing
 */

#define ALPHA 0
#define VAX 1
#define BLOCKS 4
#define RANGES 2
#ifndef WRITES
#define WRITES 1              /* of each node */
#endif
#define RANGE(block) ((block) / 2)
#define WRITER(block) ((block) % 2)

mtype = { FULL, AWAY, COPYING };

mtype phase = FULL;           /* of member T; the state that all nodes have adopted */
mtype known[2] = FULL;        /* what each node acts on: the same, unless LATE_BITMAP */
bool stalled[2];              /* new requests of a node are held */
byte under_way[2];               /* requests under way, for each node */

byte s[BLOCKS], t[BLOCKS];    /* the members */
byte left[BLOCKS];            /* T as it was when it left */
bool marked[RANGES];               /* the master bitmap, in ALPHA's memory */

bool locked[RANGES];            /* ranges being copied, merged or repaired */
byte writing[RANGES];           /* writes under way in a range that may be copied */

byte issued[BLOCKS];          /* the last write begun, and the last acknowledged */
byte acknowledged[BLOCKS];

bool ended[2];                /* a node has made its writes */
bool dead;                    /* VAX has crashed */
bool held[RANGES];              /* what it had under way in a range that may be copied */
bool buried;                  /* and the others know */
bool torn;                    /* S and T may differ where its last write went */
bool merging;
byte fence;                   /* bits below are merged */
byte seen[BLOCKS];            /* what a read made of VAX's last write since the merge began: it may not become untrue */
bool quiet;                   /* the story is told */

bool copies;                  /* by the state adopted last, ALPHA copies or merges */
bool behind;                  /* VAX has adopted it, and ALPHA has not */
bool unlocked;                /* VAX writes without a lock: only where ASKED_TOO_EARLY */

/* Range locks (drivers/shadow/range_lock.py). */
inline lock(range)
{
	atomic { !locked[range] -> locked[range] = true }
	writing[range] == 0
}

inline unlock(range) { locked[range] = false }

inline count_write(whose, range)
{
#ifdef NO_RANGE_LOCK
	atomic { writing[range]++; held[range] = held[range] || whose == VAX }
#else
	atomic { !locked[range] -> writing[range]++; held[range] = held[range] || whose == VAX }
#endif
}

inline begin_write(whose, range)
{
#ifdef ASKED_TOO_EARLY
	if
	:: atomic { whose == VAX && copies && behind -> unlocked = true }
	:: !(whose == VAX && copies && behind) -> count_write(whose, range)
	fi
#else
	/* VAX asks ALPHA, and who is behind takes it up later (ShadowDriver._set_in_step). */
	!(whose == VAX && copies && behind);
	count_write(whose, range)
#endif
}

inline end_write(whose, range)
{
	if
	:: whose == VAX && unlocked -> unlocked = false
	:: else -> atomic { writing[range]--; if :: whose == VAX -> held[range] = false :: else fi }
	fi
}

/* A change of the set (ShadowDriver.change): hold new requests, wait for what is under way, tell everybody. */
inline stall()
{
	stalled[ALPHA] = true;
	stalled[VAX] = true;
	under_way[ALPHA] == 0 && under_way[VAX] == 0   /* a dead node's are ended by the others, once it is buried */
}

inline adopt(new)
{
	atomic {
		phase = new;
		copies = (new == COPYING || merging);
#ifdef LATE_BITMAP
		if
		:: new != AWAY -> known[VAX] = new
		:: else          /* it hears of it after the next write */
		fi;
#else
		known[VAX] = new;
#endif
		behind = true;
		stalled[VAX] = false
	}
	atomic {                      /* who made the state is the last */
		known[ALPHA] = new;
		behind = false;
		stalled[ALPHA] = false
	}
}

/* A write of one node (VirtualUnit._write to write_done). */
inline write(who, block)
{
	atomic {
		!stalled[who] -> under_way[who]++;
		issued[block]++
	}
	if
	:: known[who] == AWAY ->
#ifdef BIT_AFTER_DATA
		s[block] = issued[block];
		marked[RANGE(block)] = true
#else
		marked[RANGE(block)] = true;   /* VAX: a message, and its answer */
		s[block] = issued[block]
#endif
	:: known[who] == COPYING ->
		begin_write(who, RANGE(block));
		s[block] = issued[block];
		t[block] = issued[block];   /* sources first, then the target */
		end_write(who, RANGE(block))
	:: known[who] == FULL ->
		begin_write(who, RANGE(block));
		if
		:: s[block] = issued[block]; if :: phase == FULL -> t[block] = issued[block] :: else fi
		:: phase == FULL -> t[block] = issued[block]; s[block] = issued[block]
		fi;
		end_write(who, RANGE(block))
	fi;
	atomic {
		acknowledged[block] = issued[block];
		under_way[who]--
#ifdef LATE_BITMAP
		; known[who] = phase
#endif
	}
}

proctype writer(byte node)
{
	byte count = 0;
	do
	:: count < WRITES ->
		if
		:: write(node, node)
		:: write(node, node + 2)
		fi;
		count++
	:: count == WRITES -> break
	od;
	ended[node] = true
}

/* The same, of a node that may die between any two steps. */
proctype mortal_writer()
{
	byte count = 0;
	{
		do
		:: count < WRITES ->
			if
			:: write(VAX, VAX)
			:: write(VAX, VAX + 2)
			fi;
			count++
		:: count == WRITES -> break
		od
	} unless {
		/* What it had under way is given back by the others; data that was on its way may have arrived or not. */
		dead -> d_step {
			under_way[VAX] = 0;
			writing[0] = writing[0] - held[0]; held[0] = false;
			writing[1] = writing[1] - held[1]; held[1] = false;
			torn = (phase != AWAY);   /* while T is away the others are merged without it */
			buried = true
		}
	}
}

proctype crash() { dead = true }

/* Move a range from S to T (CopyThread): by a controller's command or by the host, the order is the same. */
inline copy_range(range)
{
	lock(range);
	first = s[2 * (range)];
	second = s[2 * (range) + 1];
	t[2 * (range)] = first;
	t[2 * (range) + 1] = second;
	first = 0; second = 0
}

/* A read by ALPHA (VirtualUnit._read). */
proctype reader()
{
	byte block, must, value;
	do
	:: quiet -> break
	:: !quiet ->
		if
		:: block = 0 :: block = 1 :: block = 2 :: block = 3
		fi;
		atomic {
			!stalled[ALPHA] -> under_way[ALPHA]++;
			must = acknowledged[block];
			if :: seen[block] > must -> must = seen[block] :: else fi
		}
		if
		:: phase != FULL -> value = s[block]
		:: phase == FULL && merging && RANGE(block) >= fence ->
#ifndef BLIND_REPAIR
			lock(RANGE(block));
#endif
			value = s[block];
			t[block] = value;      /* compare, and make T equal */
#ifndef BLIND_REPAIR
			unlock(RANGE(block))
#endif
		:: phase == FULL && !(merging && RANGE(block) >= fence) ->
			if :: value = s[block] :: value = t[block] fi
		fi;
		atomic {
			assert(value >= must);         /* the last acknowledged write, or a later one */
			if :: merging && WRITER(block) == VAX -> seen[block] = value :: else fi;
			under_way[ALPHA]--;
			block = 0; must = 0; value = 0
		}
	od
}

/* A node is lost: the set is merged, and all members stay full members. */
inline merge_if_torn()
{
	if
	:: torn && !merging -> stall(); merging = true; adopt(FULL)
	:: else
	fi;
	do
	:: merging && fence < RANGES ->
#ifdef FENCE_FIRST
		fence++;
		copy_range(fence - 1);
		unlock(fence - 1)
#else
		copy_range(fence);
		fence++;
		unlock(fence - 1)
#endif
	:: else -> break
	od;
	atomic { if :: merging -> torn = false :: else fi; merging = false; fence = 0 }
}

/* The operator, the shadow server and the connection manager of ALPHA. */
proctype operator()
{
	byte n, first, second;

	/* DISMOUNT/POLICY=MINICOPY: no bitmap for a set that needs a merge. */
	stall();
#ifndef BITMAP_WHILE_TORN
	do
	:: torn -> merging = true; adopt(FULL); merge_if_torn(); stall()
	:: else -> break
	od;
#endif
	torn = false;                 /* what is left of the set needs no merge */
	d_step { n = 0; do :: n < BLOCKS -> left[n] = t[n]; n++ :: else -> break od; n = 0 }
	adopt(AWAY);

	/* The backup of T; then MOUNT. */
	stall();
	d_step { n = 0; do :: n < BLOCKS -> assert(t[n] == left[n]); n++ :: else -> break od; n = 0 }
	adopt(COPYING);
	n = 0;
	do
	:: n < RANGES && marked[n] -> copy_range(n); marked[n] = false; unlock(n); n++
	:: n < RANGES && !marked[n] -> n++
	:: n == RANGES -> break
	od;
	stall();
	merging = torn;               /* a merge waits until the copy is done */
	adopt(FULL);

	ended[VAX] || buried;
	merge_if_torn();

	ended[ALPHA];
	stall();
	n = 0;
	do
	:: n < BLOCKS -> assert(s[n] == t[n]); assert(s[n] >= acknowledged[n]); n++
	:: else -> break
	od;
	quiet = true;
	stalled[ALPHA] = false;
	stalled[VAX] = false
}

init { atomic { run writer(ALPHA); run mortal_writer(); run crash(); run reader(); run operator() } }
