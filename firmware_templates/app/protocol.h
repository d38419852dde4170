/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The device side of the MLPerf Tiny protocol (MLCommons Tiny benchmark, runner side: benchmark/runner).
 *
 * Commands are ASCII, end with '%' and have at most TP_COMMAND_CHARS characters before it; line ends between them are
 * ignored. Every answer consists of lines ending in "\r\n", the last of which is "m-ready". A refused command answers
 * with one line "e-[what is wrong]" and changes nothing, except `db load`, which always forgets the last input.
 *
 *   name%  profile%  timestamp%  help%  results%  db load N%  db HEX%  db print%  infer [N [WARMUP]]%   as in MLPerf Tiny
 *   output%   our own: "m-output-[80ff01]", the raw bytes of the last output, in hexadecimal
 *   reset%    our own, where the network keeps something from one inference to the next: forgets it; "m-reset-done"
 *   model%    our own: "m-model-id-[ID]" and "m-board-[NAME]", which model and board this firmware was generated for
 *
 *   audio labels%  audio start%  audio BASE64%  audio end%   our own, where the firmware can hear: tp_listener.h
 *
 * Of a network with several inputs, `db` takes all of them, one behind the other; several outputs are printed so, too.
 * "m-results-[...]" holds the dequantized output rounded to three decimals, computed in integers.
 */
#ifndef TP_PROTOCOL_H
#define TP_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "network.h"

#if defined(__has_include)
#if __has_include("tp_listener.h")
#define TP_HAS_AUDIO /* made by `tinyprune build --audio`: the folder audio/ is there */
#include "tp_listener.h"
#endif
#endif

#ifndef TP_HAS_AUDIO
#define TP_DEVICE_ARENA_BYTES TP_NETWORK_ARENA_BYTES
#endif

#ifdef __cplusplus
#define TP_ALIGNED(bytes) alignas(bytes)
extern "C" {
#else
#define TP_ALIGNED(bytes) _Alignas(bytes)
#endif

enum { TP_COMMAND_CHARS = 80 };

typedef struct tp_device {
    TP_ALIGNED(16) uint8_t arena[TP_DEVICE_ARENA_BYTES];
    uint32_t expected_bytes; /* announced by `db load`; 0: nothing announced */
    bool has_output;
    bool too_long; /* the command being received is dropped up to its '%' */
    size_t command_chars;
    char command[TP_COMMAND_CHARS + 1];
#ifdef TP_HAS_AUDIO
    tp_listener listener;
#endif
} tp_device;

/* What `db` loads. Kept apart from the arena, since the network may reuse the input's place there during an inference.
 * Symbols of their own, so that emulators and debuggers can load an input without the serial line. */
extern uint8_t tp_device_input[TP_NETWORK_INPUT_BYTES];
extern uint32_t tp_device_loaded_bytes;

/* Prints the boot messages. The device starts as all zeros. */
void tp_device_boot(tp_device *device);

/* Takes one received byte; a '%' runs the command and flushes its answer. */
void tp_device_receive(tp_device *device, uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
