#include "CLocalCache.h"

#include <pthread.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

_Thread_local uint32_t localcache_slot_of_this_thread LOCALCACHE_TLS = 0;
_Thread_local uint64_t localcache_cell_of_this_thread LOCALCACHE_TLS = 0;
_Thread_local uint32_t localcache_draws_of_this_thread LOCALCACHE_TLS = 0;
_Thread_local uint64_t localcache_making_of_this_thread LOCALCACHE_TLS = 0;

enum { SLOT_LIMIT = 4096, WORD_BITS = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ending;
static bool has_key;
static uint64_t used[SLOT_LIMIT / WORD_BITS];
// Numbers of threads that fork has left behind in the parent: nobody has them here, and nobody gets them again.
static uint64_t lost[SLOT_LIMIT / WORD_BITS];
uint32_t localcache_generation_of_process = 1;
static uint32_t high_water;
static uint32_t cells;

enum { FEWEST_CELLS = 32, MOST_CELLS = 512, CELLS_OF_A_PROCESSOR = 8 };

static void release(void *slot) {
  uint32_t number = (uint32_t)(uintptr_t)slot - 1;
  // A destructor of another key may still use a cache; then the thread takes a number again, and this runs again.
  localcache_slot_of_this_thread = 0;
  localcache_cell_of_this_thread = 0;
  pthread_mutex_lock(&lock);
  used[number / WORD_BITS] &= ~(UINT64_C(1) << number % WORD_BITS);
  pthread_mutex_unlock(&lock);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }

static void after_fork(void) { pthread_mutex_unlock(&lock); }

// Only the thread that called fork is here.
static void after_fork_in_child(void) {
  for (uint32_t word = 0; word < SLOT_LIMIT / WORD_BITS; word++) lost[word] = used[word];
  uint32_t own = localcache_slot_of_this_thread;
  if (own != 0 && own <= SLOT_LIMIT) lost[(own - 1) / WORD_BITS] &= ~(UINT64_C(1) << (own - 1) % WORD_BITS);
  localcache_generation_of_process++;
  pthread_mutex_unlock(&lock);
}

bool localcache_is_lost(uint32_t slot) {
  if (slot == 0 || slot > SLOT_LIMIT) return false;
  return lost[(slot - 1) / WORD_BITS] >> (slot - 1) % WORD_BITS & 1;
}

static void prepare(void) {
  pthread_atfork(before_fork, after_fork, after_fork_in_child);
  has_key = pthread_key_create(&ending, release) == 0;
  long wanted = CELLS_OF_A_PROCESSOR * sysconf(_SC_NPROCESSORS_ONLN);
  cells = wanted < FEWEST_CELLS ? FEWEST_CELLS : wanted > MOST_CELLS ? MOST_CELLS : (uint32_t)wanted;
}

uint32_t localcache_cells(void) {
  pthread_once(&once, prepare);
  return cells;
}

uint32_t localcache_register_thread(void) {
  pthread_once(&once, prepare);
  uint32_t slot = UINT32_MAX;
  pthread_mutex_lock(&lock);
  for (uint32_t word = 0; has_key && word < SLOT_LIMIT / WORD_BITS; word++) {
    if (used[word] == UINT64_MAX) continue;
    uint32_t number = word * WORD_BITS + (uint32_t)__builtin_ctzll(~used[word]);
    if (pthread_setspecific(ending, (void *)(uintptr_t)(number + 1)) != 0) break;
    used[word] |= UINT64_C(1) << number % WORD_BITS;
    if (number + 1 > high_water) __atomic_store_n(&high_water, number + 1, __ATOMIC_RELEASE);
    slot = number + 1;
    break;
  }
  pthread_mutex_unlock(&lock);
  localcache_slot_of_this_thread = slot;
  localcache_cell_of_this_thread = slot <= cells ? (uint64_t)slot * LOCALCACHE_CELL_STRIDE : 0;
  return slot;
}

uint32_t localcache_thread_slots(void) { return __atomic_load_n(&high_water, __ATOMIC_ACQUIRE); }

#if defined(__linux__)
// Whether the kernel makes the barrier: not yet asked, it does, it does not or has ceased to.
enum { UNKNOWN, AVAILABLE, UNAVAILABLE };
static int availability = UNKNOWN;

static bool membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

bool localcache_barrier_reaches_all(void) {
  int known = __atomic_load_n(&availability, __ATOMIC_RELAXED);
  if (__builtin_expect(known == UNKNOWN, 0)) {
    known = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) ? AVAILABLE : UNAVAILABLE;
    __atomic_store_n(&availability, known, __ATOMIC_RELAXED);
  }
  return known == AVAILABLE;
}

void localcache_barrier(bool isAsymmetric) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (!isAsymmetric || membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // A child of fork may have to register anew.
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // Somebody has taken the call away (seccomp). From now on readers make their own barrier; what those inside have stored arrives by itself within
  // microseconds, or has arrived when their thread lost its processor.
  __atomic_store_n(&availability, UNAVAILABLE, __ATOMIC_RELAXED);
  usleep(2000);
}
#else
bool localcache_barrier_reaches_all(void) { return false; }

void localcache_barrier(bool isAsymmetric) {
  (void)isAsymmetric;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#endif
