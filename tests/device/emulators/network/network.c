/* Arena: the input [70], overwritten in place by the first layer as a memory planner may arrange; the output at 80. */
#include "network.h"

#define LAYER __attribute__((noinline)) static

enum { INPUTS = TP_NETWORK_INPUT_BYTES, OUTPUTS = TP_NETWORK_OUTPUT_BYTES, OUTPUT_OFFSET = 80 };

int8_t *tp_network_input(void *arena) { return arena; }

const int8_t *tp_network_output(const void *arena) { return (const int8_t *)arena + OUTPUT_OFFSET; }

static int8_t clamp(int32_t value) { return (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value); }

/* map[i] = clamp(3 map[i] - map[i + 1]), the last one minus 1. */
LAYER void tp_layer_00_mix(int8_t *map) {
    for (int i = 0; i < INPUTS; i++) {
        map[i] = clamp(3 * map[i] - (i + 1 < INPUTS ? map[i + 1] : 1));
    }
}

/* A division, a jump table and a saturation. */
LAYER void tp_layer_01_switch(int8_t *map) {
    for (int i = 0; i < INPUTS; i++) {
        const int32_t value = map[i];
        switch ((uint8_t)value % 7) {
        case 0: map[i] = clamp(value / (i + 1)); break;
        case 1: map[i] = clamp(value + i); break;
        case 2: map[i] = clamp(-value); break;
        case 3: map[i] = clamp(value * 2); break;
        case 4: map[i] = (int8_t)(value ^ 85); break;
        case 5: map[i] = clamp(value - i); break;
        default: break;
        }
    }
}

/* Nothing but a loop of known length, for exact counts: 1 + 2 · 10 + 1 instructions. */
#ifdef __arm__
__attribute__((noinline, naked)) static void tp_layer_02_loop(void) {
    __asm__ volatile(".syntax unified\nmovs r0, #10\n1: subs r0, #1\nbne 1b\nbx lr\n" ::: "r0");
}
#else
LAYER void tp_layer_02_loop(void) {}
#endif

/* output[o] = clamp(sum of map[i] · ((i + o) % 9 - 4) / 16). */
LAYER void tp_layer_03_dense(const int8_t *map, int8_t *output) {
    for (int o = 0; o < OUTPUTS; o++) {
        int32_t sum = 0;
        for (int i = 0; i < INPUTS; i++) {
            sum += map[i] * ((i + o) % 9 - 4);
        }
        output[o] = clamp(sum / 16);
    }
}

void tp_network_run(void *arena) {
    int8_t *map = arena;
    tp_layer_00_mix(map);
    tp_layer_01_switch(map);
    tp_layer_02_loop();
    tp_layer_03_dense(map, map + OUTPUT_OFFSET);
}
