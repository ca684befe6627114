/* Stands in for NVIDIA's driver where there is none: "device" memory is the host's, copies are memcpy, and what is used
   wrongly (another context, another stream) is refused as the driver does. The signatures are those of cuda.h. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500 };
static void *const CONTEXT = (void *)0x1234, *const STREAM = (void *)0x5678;
static _Thread_local void *current;
int stand_in_allocations, stand_in_streams, stand_in_contexts;
int stand_in_memory = 1000; /* how many allocations there is memory for */

static int in_context(void) { return current == CONTEXT ? SUCCESS : INVALID_CONTEXT; }
static int allocated(void **block, size_t size) {
    if (stand_in_allocations >= stand_in_memory) return OUT_OF_MEMORY;
    ++stand_in_allocations;
    *block = malloc(size);
    return in_context();
}
static int freed(void *block) { --stand_in_allocations; free(block); return in_context(); }
static int copied(void *to, const void *from, size_t size, void *stream) {
    if (stream != STREAM) return INVALID_HANDLE;
    memcpy(to, from, size);
    return in_context();
}

int cuInit(unsigned flags) { return SUCCESS; }
int cuDriverGetVersion(int *version) { *version = 12090; return SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { *device = 7; return SUCCESS; }
int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "Stand-in"); return device == 7 ? SUCCESS : INVALID_DEVICE; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 8 : attribute == 76 ? 6 : -1; return SUCCESS; }
int cuDevicePrimaryCtxRetain(void **context, int device) { ++stand_in_contexts; *context = CONTEXT; return SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int device) { --stand_in_contexts; return SUCCESS; }
int cuCtxSetCurrent(void *context) { current = context; return SUCCESS; }
int cuStreamCreate(void **stream, unsigned flags) { ++stand_in_streams; *stream = STREAM; return in_context(); }
int cuStreamDestroy_v2(void *stream) { --stand_in_streams; return in_context(); }
int cuStreamSynchronize(void *stream) { return stream == STREAM ? in_context() : INVALID_HANDLE; }
int cuMemAlloc_v2(unsigned long long *block, size_t size) { return allocated((void **)block, size); }
int cuMemAllocHost_v2(void **block, size_t size) { return allocated(block, size); }
int cuMemFree_v2(unsigned long long block) { return freed((void *)block); }
int cuMemFreeHost(void *block) { return freed(block); }
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t size, void *stream) { return copied((void *)to, from, size, stream); }
int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t size, void *stream) { return copied(to, (void *)from, size, stream); }

int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t size, void *stream) { return copied((void *)to, (void *)from, size, stream); }
int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t size, void *stream) {
    if (stream != STREAM) return INVALID_HANDLE;
    memset((void *)to, value, size);
    return in_context();
}

int cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long long flags, int *status) {
    char newer[200];
    snprintf(newer, sizeof newer, "%s_v2", name);
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    *function = dlsym(library, newer);
    if (!*function) *function = dlsym(library, name);
    if (status) *status = *function ? 0 : 1;
    return *function ? SUCCESS : NOT_FOUND;
}
