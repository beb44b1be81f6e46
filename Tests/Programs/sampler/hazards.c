// Programs that are hard on whatever sits inside malloc: each does something awkward and prints what came out. With and without the
// sampler the output and the way of ending must be the same.
//
// usage: hazards NAME
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Allocates and frees in all ways there are; the sum of what was written says whether the bytes were kept.
static unsigned long churn(int rounds) {
  unsigned long sum = 0;
  void *kept[64] = {0};
  for (int i = 0; i < rounds; i++) {
    size_t size = (size_t)(i * 7919 % 5000);
    void *block;
    switch (i % 7) {
    case 0: block = malloc(size); break;
    case 1: block = calloc(1, size + 1); break;
    case 2: block = aligned_alloc(64, (size + 64) & ~63ul); break;
    case 3: if (posix_memalign(&block, 128, size)) abort(); break;
    case 4: block = realloc(kept[i % 64], size + 8); kept[i % 64] = NULL; break;
    case 5: block = reallocarray(NULL, 3, size / 3 + 1); break;
    default: block = valloc(size % 100 + 1); break;
    }
    if (!block && size) abort();
    if (size > 8 && i % 7 != 6) {
      memset(block, i & 0xff, 8);
      sum += ((unsigned char *)block)[7];
    }
    free(kept[i % 64]);
    kept[i % 64] = block;
  }
  for (int i = 0; i < 64; i++) free(kept[i]);
  return sum;
}

// Keeps the compiler from leaving an allocation out.
static void *used(void *block) {
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

static size_t huge(size_t size) {
  __asm__ volatile("" : "+r"(size));
  return size;
}

static void report(const char *what, unsigned long sum) {
  printf("%s %lu\n", what, sum);
  fflush(stdout);
}

static void *thread_churn(void *data) { return (void *)churn((int)(long)data); }

static void forks(void) {
  void *before = malloc(1 << 20);
  for (int i = 0; i < 20; i++) {
    pid_t child = fork();
    if (child == 0) {
      free(before);
      _exit(churn(2000) == 0);
    }
    int status;
    waitpid(child, &status, 0);
    if (status) abort();
  }
  free(before);
  report("fork", churn(2000));
}

static void fork_in_threads(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, thread_churn, (void *)200000L);
  forks();
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void vforks(void) {
  for (int i = 0; i < 50; i++) {
    pid_t child = vfork();
    if (child == 0) {
      execl("/bin/true", "true", (char *)NULL);
      _exit(9);
    }
    int status;
    waitpid(child, &status, 0);
    if (status) abort();
  }
  report("vfork", churn(5000));
}

static void spawns(void) {
  for (int i = 0; i < 30; i++) {
    pid_t child;
    char *arguments[] = {"sh", "-c", "exit $(printenv | grep -c -e LD_PRELOAD -e MEMWHY)", NULL};
    if (posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ)) abort();
    int status;
    waitpid(child, &status, 0);
    if (i == 0) printf("variables of the sampler in a child: %d\n", WEXITSTATUS(status));
  }
  report("spawn", churn(5000));
}

static void execs(char *self) {
  churn(5000);
  execl(self, self, "plain", (char *)NULL);
  abort();
}

static jmp_buf back;
static void jump(int signal) {
  (void)signal;
  longjmp(back, 1);
}

// Leaves a signal handler by longjmp, again and again.
static void longjmps(void) {
  static volatile int jumps;
  signal(SIGUSR1, jump);
  if (setjmp(back) == 0 || jumps < 1000) {
    jumps++;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    free(used(malloc(100000)));
    raise(SIGUSR1);
  }
  report("longjmp", churn(5000) + (unsigned long)jumps);
}

static volatile sig_atomic_t handled;
static void allocate(int signal) {
  (void)signal;
  // Not while the interrupted thread is inside the allocator: it only allocates below, never in the loop.
  void *block = used(malloc(300));
  if (!block) abort();
  free(block);
  handled = handled + 1;
}

static void handlers(void) {
  stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_handler = allocate, .sa_flags = SA_ONSTACK | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  // Whoever started this program may have it blocked.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  struct itimerval timer = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &timer, NULL);
  volatile unsigned long spins = 0;
  while (handled < 500) spins = spins + 1;
  struct itimerval off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &off, NULL);
  report("handlers", churn(5000));
}

static void libraries(void) {
  for (int i = 0; i < 100; i++) {
    void *library = dlopen(i % 2 ? "libutil.so.1" : "libm.so.6", RTLD_NOW);
    if (!library) abort();
    churn(200);
    dlclose(library);
  }
  report("dlopen", churn(5000));
}

// Blocks go from one thread to another, which frees them.
#define SLOTS 1024
static _Atomic(void *) slots[SLOTS];
static _Atomic int is_done;
static void *freer(void *data) {
  (void)data;
  while (!is_done) {
    for (int i = 0; i < SLOTS; i++) free(atomic_exchange_explicit(&slots[i], NULL, memory_order_acq_rel));
  }
  return NULL;
}

static void crossing(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, freer, NULL);
  for (int i = 0; i < 1000000; i++) free(atomic_exchange_explicit(&slots[i % SLOTS], malloc((size_t)(i % 3000)), memory_order_acq_rel));
  is_done = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < SLOTS; i++) free(slots[i]);
  report("crossing", churn(1000));
}

static void storms(void) {
  for (int round = 0; round < 60; round++) {
    pthread_t threads[50];
    for (int i = 0; i < 50; i++) {
      if (pthread_create(&threads[i], NULL, thread_churn, (void *)100L)) abort();
    }
    for (int i = 0; i < 50; i++) pthread_join(threads[i], NULL);
  }
  report("storm", churn(1000));
}

// Only read, write, exit and sigreturn are left: any other call ends the process.
static void strict(void) {
  void *blocks[100];
  for (int i = 0; i < 100; i++) blocks[i] = used(malloc(200000 / 100 * (size_t)(i % 40 + 1)));
  for (int i = 0; i < 100; i++) free(blocks[i]);
  char text[64];
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) abort();
  unsigned long sum = 0;
  for (int i = 0; i < 20000; i++) {
    char *block = used(malloc((size_t)(i % 1000)));
    if (block) sum += (unsigned long)(block != NULL);
    free(block);
  }
  int length = snprintf(text, sizeof text, "strict %lu\n", sum);
  if (write(1, text, (size_t)length) < 0) abort();
  syscall(SYS_exit, 0);
}

#define ALLOW(name)                                                 \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),             \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

// A filter that lets through what the allocator and the end of the program need; any other call kills the process.
static void filtered(void) {
  churn(5000);
  report("before the filter", 0);
  struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(write), ALLOW(brk), ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(exit_group),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) abort();
  unsigned long sum = churn(50000);
  // Large blocks are mappings of their own.
  for (int i = 0; i < 50; i++) {
    char *block = used(malloc(1 << 20));
    block[i] = 1;
    sum += (unsigned long)block[i];
    block = realloc(block, 3 << 20);
    free(block);
  }
  report("filtered", sum);
}

static void exits(void) {
  churn(5000);
  report("left", 0);
  _exit(7);
}

static void killed(void) {
  churn(5000);
  report("killed", 0);
  raise(SIGKILL);
}

static void aborts(void) {
  churn(5000);
  report("abort", 0);
  abort();
}

static void recurse(int depth) {
  volatile char room[64];
  room[0] = (char)depth;
  free(used(malloc(1000)));
  if (depth > 0) recurse(depth - 1);
  room[1] = room[0];
}

static void deep(void) {
  recurse(20000);
  report("deep", churn(1000));
}

static void limits(void) {
  // No more memory: realloc fails, and the block must still be there.
  struct rlimit limit = {1ul << 30, 1ul << 30};
  setrlimit(RLIMIT_AS, &limit);
  char *block = malloc(1000000);
  memset(block, 42, 1000000);
  char *grown = realloc(block, huge(3ul << 30));
  if (grown || errno != ENOMEM) abort();
  unsigned long sum = 0;
  for (int i = 0; i < 1000000; i++) sum += (unsigned char)block[i];
  free(block);
  if (used(malloc(huge(-1ul))) || used(malloc(huge(1ul << 62))) || used(malloc(huge(3ul << 62)))) abort();
  if (used(calloc(huge(-1ul), 16)) || used(reallocarray(NULL, huge(-1ul), 8))) abort();
  report("limits", sum + churn(2000));
}

// From the compiler's runtime library (unwind-dw2-fde.c of GCC, libunwind of LLVM).
extern void __register_frame(void *);
extern int _Unwind_Backtrace(int (*)(void *, void *), void *);

static int count_frame(void *context, void *count) {
  (void)context;
  ++*(int *)count;
  return 0;
}

// Unwind tables of code that was made at run time: the next unwind sorts them under the unwinder's lock, in memory from malloc.
static void made_code(void) {
  enum { functions = 50, function_size = 64 };
  static char code[functions * function_size];
  static struct {
    uint32_t length, id;
    unsigned char rest[16];
    struct {
      uint32_t length, back;
      uint64_t start, size;
      unsigned char rest[8];
    } functions[functions];
    uint32_t end;
  } table = {
    // Version 1, "zR", alignments 1 and -8, return address in 16, absolute pointers; the frame at rsp + 8, the return address at its top.
    .length = 20, .rest = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0, 0x0c, 7, 8, 0x90, 1},
  };
  for (int i = 0; i < functions; i++) {
    table.functions[i].length = sizeof table.functions[i] - 4;
    table.functions[i].back = (uint32_t)((char *)&table.functions[i].back - (char *)&table);
    table.functions[i].start = (uint64_t)(uintptr_t)(code + i * function_size);
    table.functions[i].size = function_size;
  }
  __register_frame(&table);
  int frames = 0;
  _Unwind_Backtrace(count_frame, &frames);
  report("made code", churn(5000) + (frames > 0));
}

int main(int count, char **arguments) {
  if (count < 2) return 64;
  const char *name = arguments[1];
  static const struct {
    const char *name;
    void (*run)(void);
  } programs[] = {
    {"fork", forks}, {"fork-threads", fork_in_threads}, {"vfork", vforks}, {"spawn", spawns}, {"longjmp", longjmps},
    {"handlers", handlers}, {"dlopen", libraries}, {"crossing", crossing}, {"storm", storms}, {"seccomp", strict}, {"filter", filtered},
    {"left", exits}, {"kill", killed}, {"abort", aborts}, {"deep", deep}, {"limits", limits}, {"made-code", made_code},
  };
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    if (!strcmp(programs[i].name, name)) {
      programs[i].run();
      return 0;
    }
  }
  if (!strcmp(name, "exec")) execs(arguments[0]);
  if (!strcmp(name, "plain")) {
    report("plain", churn(5000));
    return 3;
  }
  return 64;
}
