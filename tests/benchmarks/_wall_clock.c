/* The wall clock of the processes it is loaded into (LD_PRELOAD), so many seconds off the machine's.
 *
 * MEETINGBOX_CLOCK names a file of one int64, the seconds; who writes it sets the clock at once. Looks at a
 * clock go on by the vDSO, so that a process is as fast as without. Monotonic clocks stay. What waits for
 * a wall-clock time is told the machine's: a monotonic one never is as large as a date.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { A_DATE = 1000000000 }; /* 2001: as seconds since a boot it is thirty years */

static const int64_t none = 0;
static const volatile int64_t *ahead = &none;

static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_sleep)(clockid_t, int, const struct timespec *, struct timespec *);
static int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_sem_wait)(sem_t *, const struct timespec *);
static int (*real_lock)(pthread_mutex_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void)
{
	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	real_sleep = dlsym(RTLD_NEXT, "clock_nanosleep");
	real_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	real_sem_wait = dlsym(RTLD_NEXT, "sem_timedwait");
	real_lock = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
	const char *path = getenv("MEETINGBOX_CLOCK");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0)
		return;
	void *seconds = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
	if (seconds != MAP_FAILED)
		ahead = seconds;
	close(file);
}

static struct timespec of_the_machine(const struct timespec *when)
{
	struct timespec moved = *when;
	if (moved.tv_sec > A_DATE)
		moved.tv_sec -= *ahead;
	return moved;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int failed = real_gettime ? real_gettime(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
	if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *ahead;
	return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;
	(void)zone;
	int failed = clock_gettime(CLOCK_REALTIME, &exact);
	if (!failed)
		*now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
	return failed;
}

time_t time(time_t *seconds)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (seconds)
		*seconds = now.tv_sec;
	return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *when, struct timespec *left)
{
	struct timespec moved = flags & TIMER_ABSTIME ? of_the_machine(when) : *when;
	return real_sleep(clock, flags, &moved, left);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	struct timespec moved = of_the_machine(until);
	return real_cond_wait(cond, mutex, &moved);
}

int sem_timedwait(sem_t *sem, const struct timespec *until)
{
	struct timespec moved = of_the_machine(until);
	return real_sem_wait(sem, &moved);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
	struct timespec moved = of_the_machine(until);
	return real_lock(mutex, &moved);
}
