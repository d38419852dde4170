/* A small network by hand, with the interface of the generated ones. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#define TP_NETWORK_NAME "kws01"
#define TP_MODEL_ID "0123456789abcdef"
#define TP_BOARD_NAME "none"
#define TP_NETWORK_INPUT_BYTES 70
#define TP_NETWORK_OUTPUT_BYTES 5
#define TP_NETWORK_ARENA_BYTES 128
#define TP_NETWORK_OUTPUT_ZERO_POINT (-3)
#define TP_NETWORK_OUTPUT_SCALE_NANO INT64_C(12345678)
#define TP_NETWORK_STATE_BYTES 0
#define TP_NETWORK_EACH_INPUT(X) X(tp_network_input, TP_NETWORK_INPUT_BYTES, 0, 1, int8_t)
#define TP_NETWORK_EACH_OUTPUT(X) \
    X(tp_network_output, TP_NETWORK_OUTPUT_BYTES, TP_NETWORK_OUTPUT_ZERO_POINT, TP_NETWORK_OUTPUT_SCALE_NANO, int8_t)

int8_t *tp_network_input(void *arena);
const int8_t *tp_network_output(const void *arena);
void tp_network_run(void *arena);

#endif
