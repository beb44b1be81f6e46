/* Queued signals with numbers: none may be lost, doubled or out of order. */
#define _GNU_SOURCE
#include "statistics.h"
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int receiver;
static volatile uint64_t last;

static void on_signal(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  uint64_t value = (uint64_t)info->si_value.sival_ptr;
  if (value != last + 1) fail("signal %lu arrived after %lu", value, last);
  last = value;
  statistics[stat_signals_received] = value;
}
static void *receive(void *argument) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGRTMIN + 3);
  receiver = (int)syscall(SYS_gettid);
  pthread_sigmask(SIG_UNBLOCK, &wanted, 0);
  for (volatile uint64_t turns = 1;; turns++)
    if (turns % 200000 == 0) usleep(300);
  return argument;
}
static void *send_all(void *argument) {
  uint64_t value = 0;
  while (!statistics[stat_stop]) {
    usleep(1000);
    /* Far from the limit of queued signals. */
    if (!receiver || value - last > 200) continue;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_value.sival_ptr = (void *)(value + 1);
    if (!syscall(SYS_rt_tgsigqueueinfo, getpid(), receiver, SIGRTMIN + 3, &info)) statistics[stat_signals_sent] = ++value;
  }
  return argument;
}
void start_signals(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGRTMIN + 3, &action, 0);
  start(receive, 0);
  start(send_all, 0);
}
