/* Counts what C++ libraries leave to be done when the calling thread ends. Python's Thread.join does not wait for that. */
#define _GNU_SOURCE
#include <dlfcn.h>

static _Thread_local int left;

int left_to_the_end_of_this_thread(void) { return left; }

int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library) {
    ++left;
    return ((int (*)(void (*)(void *), void *, void *))dlsym(RTLD_NEXT, "__cxa_thread_atexit_impl"))(destructor, object, library);
}
