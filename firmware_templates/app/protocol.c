/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "protocol.h"

#include <string.h>

#include "port.h"
#include "text.h"

#define NEWLINE "\r\n"

enum { MAX_WORDS = 3, PRINTED_BYTES_A_LINE = 8, DEFAULT_WARMUP = 10 };

uint8_t tp_device_input[TP_NETWORK_INPUT_BYTES];
uint32_t tp_device_loaded_bytes;

static bool equal(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

static void put_value(const char *before, uint64_t value, const char *after) {
    tp_put(before);
    tp_put_decimal(value);
    tp_put(after);
}

static void put_time(uint64_t time_us) { put_value("m-lap-us-", time_us, NEWLINE); }

static void put_quoted(const char *before, const char *text) {
    tp_put(before);
    tp_put(text);
    tp_put("]" NEWLINE);
}

/* Each command gets its words (words[0] is its name, missing ones are NULL) and prints its answer before "m-ready". */

static void answer_name(tp_device *device, char *words[]) {
    (void)device, (void)words;
    tp_put("m-name-dut-[tinyprune]" NEWLINE);
}

static void answer_profile(tp_device *device, char *words[]) {
    (void)device, (void)words;
    tp_put("m-profile-[ULPMark for tinyML Firmware V0.0.1]" NEWLINE);
    put_quoted("m-model-[", TP_NETWORK_NAME);
}

static void answer_model(tp_device *device, char *words[]) {
    (void)device, (void)words;
    put_quoted("m-model-id-[", TP_MODEL_ID);
    put_quoted("m-board-[", TP_BOARD_NAME);
}

static void answer_timestamp(tp_device *device, char *words[]) {
    (void)device, (void)words;
    put_time(tp_port_time_us());
}

static void answer_help(tp_device *device, char *words[]) {
    (void)device, (void)words;
    tp_put("name                   who answers" NEWLINE
           "profile                benchmark and network" NEWLINE
           "model                  id of the model in this firmware" NEWLINE
           "timestamp              microseconds since start" NEWLINE
           "db load N              announce N input bytes" NEWLINE
           "db HEX                 the next input bytes" NEWLINE
           "db print               show the input" NEWLINE
           "infer [N [WARMUP]]     N timed inferences after WARMUP untimed ones (1, 10)" NEWLINE
           "results                the last output" NEWLINE
           "output                 the last output, raw bytes" NEWLINE
#if TP_NETWORK_STATE_BYTES > 0
           "reset                  forget all earlier inferences" NEWLINE
#endif
#ifdef TP_HAS_AUDIO
           "audio labels           names of the classes" NEWLINE
           "audio start            begin to listen" NEWLINE
           "audio BASE64           samples at 16 kHz, int16, low byte first" NEWLINE
           "audio end              class of the last second" NEWLINE
#endif
    );
}

static void db_load(tp_device *device, const char *count) {
    uint32_t bytes = 0;
    device->expected_bytes = 0;
    tp_device_loaded_bytes = 0;
    if (count == NULL || !tp_parse_decimal(count, &bytes) || bytes == 0) {
        tp_put("e-[db load needs a number of bytes above 0]" NEWLINE);
    } else if (bytes > sizeof tp_device_input) {
        put_value("e-[", bytes, " bytes are too many: ");
        put_value("the input has ", sizeof tp_device_input, "]" NEWLINE);
    } else {
        device->expected_bytes = bytes;
        put_value("m-[Expecting ", bytes, " bytes]" NEWLINE);
    }
}

static void db_print(void) {
    if (tp_device_loaded_bytes == 0) {
        tp_put("e-[Nothing is loaded]" NEWLINE);
    }
    for (uint32_t i = 0; i < tp_device_loaded_bytes; i++) {
        tp_put(i % PRINTED_BYTES_A_LINE == 0 ? "m-buffer-" : "-");
        tp_put_hex(tp_device_input[i]);
        if (i + 1 == tp_device_loaded_bytes || (i + 1) % PRINTED_BYTES_A_LINE == 0) {
            tp_put(NEWLINE);
        }
    }
}

/* The number of bytes that `hex` spells, or -1: an answer has been given. */
static int32_t hex_bytes(const char *hex) {
    int32_t digits = 0;
    for (; hex[digits] != '\0'; digits++) {
        if (tp_parse_hex_digit(hex[digits]) < 0) {
            put_quoted("e-[Not hexadecimal: ", hex);
            return -1;
        }
    }
    if (digits % 2 != 0) {
        tp_put("e-[Odd number of hexadecimal digits]" NEWLINE);
        return -1;
    }
    return digits / 2;
}

/* Checks the whole line before storing any of it, so that a refused line can be sent again. */
static void db_store(tp_device *device, const char *hex) {
    const int32_t bytes = hex_bytes(hex);
    if (bytes < 0) {
        return;
    }
    if (device->expected_bytes == 0) {
        tp_put("e-[Announce the bytes with db load first]" NEWLINE);
        return;
    }
    if ((uint32_t)bytes > device->expected_bytes - tp_device_loaded_bytes) {
        put_value("e-[More than the announced ", device->expected_bytes, " bytes]" NEWLINE);
        return;
    }
    for (; *hex != '\0'; hex += 2) {
        const int byte = tp_parse_hex_digit(hex[0]) * 16 + tp_parse_hex_digit(hex[1]);
        tp_device_input[tp_device_loaded_bytes++] = (uint8_t)byte;
    }
    if (tp_device_loaded_bytes == device->expected_bytes) {
        tp_put("m-load-done" NEWLINE);
    }
}

static void answer_db(tp_device *device, char *words[]) {
    if (words[1] == NULL) {
        tp_put("e-[db needs load, print or bytes in hexadecimal]" NEWLINE);
    } else if (equal(words[1], "load")) {
        db_load(device, words[2]);
    } else if (words[2] != NULL) {
        put_quoted("e-[Unexpected: ", words[2]);
    } else if (equal(words[1], "print")) {
        db_print();
    } else {
        db_store(device, words[1]);
    }
}

/* int8 or int16, by their size in bytes */
static void put_reals(const void *values, size_t count, size_t size, int32_t zero_point, int64_t scale_nano,
                      const char *before) {
    for (size_t i = 0; i < count; i++) {
        const int32_t value = size == sizeof(int8_t) ? ((const int8_t *)values)[i] : ((const int16_t *)values)[i];
        tp_put(i == 0 ? before : ",");
        tp_put_nano((value - zero_point) * scale_nano);
    }
}

/* int32 numbers as they are: indices, for example. */
static void put_integers(const void *values, size_t count, const char *before) {
    for (size_t i = 0; i < count; i++) {
        const int64_t value = ((const int32_t *)values)[i];
        tp_put(i == 0 ? before : ",");
        tp_put(value < 0 ? "-" : "");
        tp_put_decimal((uint64_t)(value < 0 ? -value : value));
    }
}

static void answer_results(tp_device *device, char *words[]) {
    (void)words;
    if (!device->has_output) {
        tp_put("e-[No inference has run]" NEWLINE);
        return;
    }
    const char *before = "m-results-[";
#define PUT_VALUES(output, bytes, zero_point, scale_nano, type)                               \
    if (sizeof(type) <= sizeof(int16_t)) {                                                                          \
        put_reals(output(device->arena), (size_t)bytes / sizeof(type), sizeof(type), zero_point, (int64_t)scale_nano, \
                  before);                                                                                          \
    } else {                                                                                                        \
        put_integers(output(device->arena), (size_t)bytes / sizeof(type), before);                                  \
    }                                                                                                               \
    before = ",";
    TP_NETWORK_EACH_OUTPUT(PUT_VALUES)
#undef PUT_VALUES
    (void)before;
    tp_put("]" NEWLINE);
}

static void put_bytes(const void *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tp_put_hex(((const uint8_t *)values)[i]);
    }
}

static void answer_output(tp_device *device, char *words[]) {
    (void)words;
    if (!device->has_output) {
        tp_put("e-[No inference has run]" NEWLINE);
        return;
    }
    tp_put("m-output-[");
#define PUT_BYTES(output, bytes, zero_point, scale_nano, type) put_bytes(output(device->arena), bytes);
    TP_NETWORK_EACH_OUTPUT(PUT_BYTES)
#undef PUT_BYTES
    tp_put("]" NEWLINE);
}

static void load_inputs(tp_device *device) {
    const uint8_t *from = tp_device_input;
#define LOAD(input, bytes, zero_point, scale_nano, type) \
    memcpy(input(device->arena), from, (size_t)bytes);   \
    from += bytes;
    TP_NETWORK_EACH_INPUT(LOAD)
#undef LOAD
    (void)from;
}

static void run_network(tp_device *device, uint32_t times) {
    for (; times > 0; times--) {
        load_inputs(device);
        tp_network_run(device->arena);
        (void)tp_port_time_us(); /* lets the port notice that its cycle counter wrapped */
    }
}

#if TP_NETWORK_STATE_BYTES > 0
static void answer_reset(tp_device *device, char *words[]) {
    (void)words;
    tp_network_reset(device->arena);
    tp_put("m-reset-done" NEWLINE);
}
#endif

/* Both timestamps are printed afterwards: sending the first one would fall into the measured time. */
static void run_timed(tp_device *device, uint32_t runs, uint32_t warmup) {
    put_value("m-warmup-start-", warmup, NEWLINE);
    tp_port_flush();
    run_network(device, warmup);
    tp_put("m-warmup-done" NEWLINE);
    put_value("m-infer-start-", runs, NEWLINE);
    tp_port_flush();
    const uint64_t start_us = tp_port_time_us();
    run_network(device, runs);
    const uint64_t end_us = tp_port_time_us();
    put_time(start_us);
    put_time(end_us);
    tp_put("m-infer-done" NEWLINE);
}

static void answer_infer(tp_device *device, char *words[]) {
    uint32_t runs = 1;
    uint32_t warmup = DEFAULT_WARMUP;
    if (words[1] != NULL && (!tp_parse_decimal(words[1], &runs) || runs == 0)) {
        tp_put("e-[infer needs a number of inferences above 0]" NEWLINE);
    } else if (words[1] != NULL && words[2] != NULL && !tp_parse_decimal(words[2], &warmup)) {
        tp_put("e-[infer needs a number of warm-up inferences of 0 or more]" NEWLINE);
    } else if (tp_device_loaded_bytes != sizeof tp_device_input) {
        put_value("e-[", tp_device_loaded_bytes, " bytes are loaded: ");
        put_value("the input has ", sizeof tp_device_input, "]" NEWLINE);
    } else {
        run_timed(device, runs, warmup);
        device->has_output = true;
        answer_results(device, words);
    }
}

static const struct {
    const char *name;
    size_t max_words; /* with the name */
    void (*answer)(tp_device *device, char *words[]);
} commands[] = {
    {"name", 1, answer_name},       {"profile", 1, answer_profile}, {"timestamp", 1, answer_timestamp},
    {"db", 3, answer_db},           {"infer", 3, answer_infer},     {"results", 1, answer_results},
    {"output", 1, answer_output},   {"model", 1, answer_model},     {"help", 1, answer_help},
#if TP_NETWORK_STATE_BYTES > 0
    {"reset", 1, answer_reset},
#endif
#ifdef TP_HAS_AUDIO
    {"audio", 2, tp_answer_audio},
#endif
};

/* Cuts `text` at its spaces. Returns the number of words, of which the first MAX_WORDS + 1 are stored. */
static size_t split(char *text, char *words[MAX_WORDS + 1]) {
    size_t count = 0;
    for (bool in_word = false; *text != '\0'; text++) {
        if (*text == ' ') {
            *text = '\0';
            in_word = false;
        } else if (!in_word) {
            in_word = true;
            if (count <= MAX_WORDS) {
                words[count] = text;
            }
            count++;
        }
    }
    return count;
}

static void run_command(tp_device *device) {
    char *words[MAX_WORDS + 1] = {NULL};
    const size_t count = split(device->command, words);
    if (count == 0) {
        return; /* a lone '%': hosts flush a half-sent command with it */
    }
#ifdef TP_HAS_MICROPHONE
    tp_listener_stop(device); /* what the PC asks for is not the microphone's */
#endif
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (equal(words[0], commands[i].name)) {
            if (count > commands[i].max_words) {
                put_quoted("e-[Unexpected: ", words[commands[i].max_words]);
            } else {
                commands[i].answer(device, words);
            }
            return;
        }
    }
    put_quoted("e-[Unknown command: ", words[0]);
}

static void put_ready(void) {
    tp_put("m-ready" NEWLINE);
    tp_port_flush();
}

void tp_device_boot(tp_device *device) {
#if TP_NETWORK_STATE_BYTES > 0
    tp_network_reset(device->arena);
#else
    (void)device;
#endif
    tp_put("m-timestamp-mode-performance" NEWLINE);
    put_time(tp_port_time_us());
    tp_put("m-init-done" NEWLINE);
    put_ready();
}

void tp_device_receive(tp_device *device, uint8_t byte) {
    if (byte == '%') {
        device->command[device->command_chars] = '\0';
        if (device->too_long) {
            put_value("e-[Command longer than ", TP_COMMAND_CHARS, " characters]" NEWLINE);
        } else {
            run_command(device);
        }
        device->command_chars = 0;
        device->too_long = false;
        put_ready();
    } else if (byte == '\r' || byte == '\n') {
        return;
    } else if (device->command_chars == TP_COMMAND_CHARS) {
        device->too_long = true;
    } else {
        device->command[device->command_chars++] = byte < ' ' || byte > '~' ? '?' : (char)byte;
    }
}
