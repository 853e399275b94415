/* What libinkfleet_cuda_probe.so offers: plain C, so that it can be built by nvcc and loaded by a program
 * that knows nothing of CUDA. All functions return a cudaError_t, 0 for success. One thread. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inkfleet_cuda_probe inkfleet_cuda_probe;

/* Takes a stream, an event and a little memory on a device, once. */
int inkfleet_cuda_probe_open(int device, inkfleet_cuda_probe** probe);

/* Runs a tiny kernel and waits up to `deadline_ms` for its result by asking again and again, never by a
 * blocking synchronize; `*right` tells whether it was the one expected. 600 (cudaErrorNotReady) when it is
 * overdue: then the next call goes on waiting for the same kernel. */
int inkfleet_cuda_probe_ask(inkfleet_cuda_probe* probe, unsigned deadline_ms, int* right);

/* Gives all back. Can block on a device that hangs. */
void inkfleet_cuda_probe_close(inkfleet_cuda_probe* probe);

/* As the runtime calls this code, and says it. */
const char* inkfleet_cuda_error_name(int code);
const char* inkfleet_cuda_error_string(int code);

#ifdef __cplusplus
}
#endif
