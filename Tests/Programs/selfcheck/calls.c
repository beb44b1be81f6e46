/* Blocking system calls of many kinds, made with every register loaded; results, errno and durations are checked. */
#define _GNU_SOURCE
#include "statistics.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum kind {
  sleep_short, sleep_long, clock_relative, clock_absolute, epoll, futex_timed, futex_woken, pipe_read, poll_timed,
  ppoll_timed, pselect_timed, tcp_accept, receive_timed, signal_wait, pipe_write, receive_all, semaphore, kinds
};
static const char *const names[kinds] = {
  "nanosleep", "long nanosleep", "clock_nanosleep", "clock_nanosleep to a time", "epoll_wait", "timed futex", "futex",
  "read of a pipe", "poll", "ppoll", "pselect", "accept", "recv with a timeout", "sigtimedwait", "write to a pipe",
  "recv of all", "semtimedop"
};
/* These end with EINTR on any wake-up, even where no handler runs (signal(7)). Nobody repairs them when the tool dies. */
static const int may_be_interrupted[kinds] = {[epoll] = 1, [receive_timed] = 1, [signal_wait] = 1, [semaphore] = 1};

enum { untouched_errno = 37, large = 1 << 20, all = 1 << 18 };
static volatile uint32_t futex_word;
static int number_pipe[2], large_pipe[2], idle_pair[2], all_pair[2], listener, port;

struct call {
  long number, arguments[6], expected;
  uint64_t least_microseconds;
  /* Earliest time of the end, in nanoseconds of CLOCK_MONOTONIC. */
  uint64_t wake;
};

static long run(const struct call *call, const char *name, uint64_t *seed) {
  struct registers before, after;
  fill(&before, seed);
  memset(&after, 0, sizeof after);
  before.rax = (uint64_t)call->number;
  before.rdi = (uint64_t)call->arguments[0];
  before.rsi = (uint64_t)call->arguments[1];
  before.rdx = (uint64_t)call->arguments[2];
  before.r10 = (uint64_t)call->arguments[3];
  before.r8 = (uint64_t)call->arguments[4];
  before.r9 = (uint64_t)call->arguments[5];
  call_with(&before, &after);
  compare(&before, &after, 1, name);
  return (long)after.rax;
}

static struct timespec milliseconds(long count) { return (struct timespec){count / 1000, count % 1000 * 1000000}; }

/* One connection carries one number. */
static void receive_number(int connection, uint64_t *sequence) {
  uint64_t value = 0;
  if (recv(connection, &value, sizeof value, MSG_WAITALL) == sizeof value) {
    if (value != ++*sequence) fail("connection %lu came as number %lu", value, *sequence);
  } else {
    fail("recv on a connection failed with %d", errno);
  }
  close(connection);
}

static void finish(int descriptor, char *bytes, long done, long total, int is_write) {
  while (done < total) {
    long step = is_write ? write(descriptor, bytes + done, (size_t)(total - done))
                         : recv(descriptor, bytes, (size_t)(total - done), MSG_WAITALL);
    if (step > 0) done += step;
  }
}

static void *make_calls(void *argument) {
  enum kind kind = (enum kind)(uintptr_t)argument;
  uint64_t seed = kind + 1, sequence = 0, connections = 0;
  int event = eventfd(0, EFD_CLOEXEC), poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event interest = {.events = EPOLLIN}, found;
  epoll_ctl(poller, EPOLL_CTL_ADD, event, &interest);
  int set = kind == semaphore ? semget(IPC_PRIVATE, 1, 0600) : -1;
  char *bytes = kind == pipe_write || kind == receive_all ? calloc(1, large) : 0, byte;
  sigset_t awaited, everything;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGUSR2);
  sigfillset(&everything);
  for (;;) {
    struct timespec time = milliseconds(8);
    struct pollfd ready = {event, POLLIN, 0};
    struct sembuf take = {0, -1, 0};
    uint64_t value = 0;
    uint32_t word = futex_word, one = 1;
    fd_set descriptors;
    FD_ZERO(&descriptors);
    FD_SET(event, &descriptors);
    struct call call = {.least_microseconds = 8000};
#define CALL(n, ...) call.number = n, memcpy(call.arguments, (long[6]){__VA_ARGS__}, sizeof call.arguments)
    switch (kind) {
    case sleep_short: CALL(SYS_nanosleep, (long)&time); break;
    case sleep_long: time = milliseconds(900), call.least_microseconds = 900000, CALL(SYS_nanosleep, (long)&time); break;
    case clock_relative: CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&time); break;
    case clock_absolute:
      clock_gettime(CLOCK_MONOTONIC, &time);
      time.tv_nsec += 6000000;
      if (time.tv_nsec >= 1000000000) time.tv_nsec -= 1000000000, time.tv_sec++;
      call.least_microseconds = 0, call.wake = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
      CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&time);
      break;
    case epoll: CALL(SYS_epoll_wait, poller, (long)&found, 1, 9); break;
    case futex_timed:
      call.expected = -ETIMEDOUT;
      CALL(SYS_futex, (long)&one, FUTEX_WAIT_PRIVATE, 1, (long)&time);
      break;
    case futex_woken: call.least_microseconds = 0, CALL(SYS_futex, (long)&futex_word, FUTEX_WAIT_PRIVATE, word); break;
    case pipe_read:
      call.least_microseconds = 0, call.expected = 8;
      CALL(SYS_read, number_pipe[0], (long)&value, 8);
      break;
    case poll_timed: CALL(SYS_poll, (long)&ready, 1, 8); break;
    case ppoll_timed: CALL(SYS_ppoll, (long)&ready, 1, (long)&time, (long)&everything, 8); break;
    case pselect_timed: CALL(SYS_pselect6, event + 1, (long)&descriptors, 0, 0, (long)&time); break;
    case tcp_accept: call.least_microseconds = 0, CALL(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC); break;
    case receive_timed:
      call.expected = -EAGAIN;
      CALL(SYS_recvfrom, idle_pair[0], (long)&byte, 1);
      break;
    case signal_wait:
      call.expected = -EAGAIN;
      CALL(SYS_rt_sigtimedwait, (long)&awaited, 0, (long)&time, 8);
      break;
    case pipe_write:
      call.least_microseconds = 0, call.expected = large;
      CALL(SYS_write, large_pipe[1], (long)bytes, large);
      break;
    case receive_all:
      call.least_microseconds = 0, call.expected = all;
      CALL(SYS_recvfrom, all_pair[0], (long)bytes, all, MSG_WAITALL);
      break;
    case semaphore:
      call.expected = -EAGAIN;
      CALL(SYS_semtimedop, set, (long)&take, 1, (long)&time);
      break;
    case kinds: return 0;
    }
    errno = untouched_errno;
    uint64_t begin = now();
    long result = run(&call, names[kind], &seed);
    uint64_t end = now(), elapsed = (end - begin) / 1000;
    if (errno != untouched_errno) fail("%s: errno changed to %d", names[kind], errno);
    if (kind == futex_woken && result == -EAGAIN) result = 0;
    if (kind == tcp_accept && result >= 0) receive_number((int)result, &connections), result = 0;
    if (kind == pipe_read && result == 8 && value != ++sequence) fail("number %lu came as number %lu", value, sequence);
    if ((kind == pipe_write || kind == receive_all) && result > 0 && result < call.expected) {
      /* A stop in the middle of a transfer ends it short, as any signal would. */
      count(stat_short + kind);
      finish(kind == pipe_write ? large_pipe[1] : all_pair[0], bytes, result, call.expected, kind == pipe_write);
      result = call.expected;
    }
    if (result == -EINTR && may_be_interrupted[kind]) {
      count(stat_interrupted + kind);
    } else if (result != call.expected) {
      fail("%s returned %ld instead of %ld", names[kind], result, call.expected);
    } else if (end < call.wake) {
      fail("%s ended %lu ns early", names[kind], call.wake - end);
    } else if (elapsed < call.least_microseconds - call.least_microseconds / 100) {
      fail("%s took %lu us, less than %lu", names[kind], elapsed, call.least_microseconds);
    }
    if (statistics[stat_stop] && set >= 0) {
      semctl(set, 0, IPC_RMID);
      return 0;
    }
    count(stat_calls + kind);
    count(stat_checks);
  }
}

/* Wakes the waiters and feeds numbers to the pipe and to the listener. */
static void *tick(void *argument) {
  uint64_t number = 0, connections = 0;
  for (int turn = 0;; turn++) {
    usleep(1500);
    __atomic_add_fetch(&futex_word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    number++;
    if (write(number_pipe[1], &number, sizeof number) != sizeof number) fail("write of a number failed with %d", errno);
    if (turn % 4) continue;
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = (in_port_t)port};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct linger reset = {1, 0};
    char byte;
    connections++;
    if (connect(connection, (void *)&address, sizeof address)) fail("connect failed with %d", errno);
    if (send(connection, &connections, sizeof connections, 0) != sizeof connections) fail("send failed with %d", errno);
    shutdown(connection, SHUT_WR);
    if (read(connection, &byte, 1) < 0 && errno != ECONNRESET) fail("read to the end failed with %d", errno);
    /* No TIME_WAIT, or ports run out. */
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(connection);
  }
  return argument;
}
static void *drain(void *argument) {
  char *bytes = malloc(65536);
  for (;;) {
    usleep(700);
    if (read(large_pipe[0], bytes, 32768) <= 0 && errno != EINTR) fail("read of the large pipe failed with %d", errno);
  }
  return argument;
}
static void *feed(void *argument) {
  char *bytes = calloc(1, 65536);
  for (;;) {
    usleep(900);
    for (long done = 0; done < 16384;) {
      long step = write(all_pair[1], bytes, (size_t)(16384 - done));
      if (step > 0) done += step;
    }
  }
  return argument;
}

void start_calls(void) {
  /* Counted in ticks of the kernel clock, so it may end a tick early. */
  struct timeval limit = {0, 14000};
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (pipe2(number_pipe, O_CLOEXEC) || pipe2(large_pipe, O_CLOEXEC) || fcntl(large_pipe[1], F_SETPIPE_SZ, 65536) < 0 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, all_pair) ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, idle_pair) ||
      setsockopt(idle_pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
      bind(listener, (void *)&address, sizeof address) || listen(listener, 64) ||
      getsockname(listener, (void *)&address, &length)) {
    fail("setting up failed with %d", errno);
    return;
  }
  port = address.sin_port;
  for (uintptr_t kind = 0; kind < kinds; kind++) start(make_calls, (void *)kind);
  start(tick, 0);
  start(drain, 0);
  start(feed, 0);
}
