/* Counts the instructions of an inference on QEMU's mps2-an386 with -icount shift=0, where an instruction takes 1 ns and
 * SysTick, which runs at 25 MHz, so counts one in 40: the difference between 1 and 1 + RUNS inferences, less the same
 * for a function that does nothing. Prints the two differences in ticks and the output, in hexadecimal.
 *
 * Armv7-M Architecture Reference Manual (DDI 0403E), B3.3 SysTick; Arm Semihosting specification: SYS_WRITEC, SYS_EXIT. */
#include <stdint.h>
#include <string.h>

#include "network.h"
#include "sample.h" /* static const int8_t sample[TP_NETWORK_INPUT_BYTES] */

#define REGISTER(address) (*(volatile uint32_t *)(address))

enum { RUNS = 40, SYS_WRITEC = 0x03, SYS_EXIT = 0x18, APPLICATION_EXIT = 0x20026, TICKS = 0xFFFFFF };

typedef void (*function)(void *);

static _Alignas(16) uint8_t arena[TP_NETWORK_ARENA_BYTES];

static void semihosting(uint32_t operation, uint32_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uint32_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(char character)
{
    semihosting(SYS_WRITEC, (uint32_t)(uintptr_t)&character);
}

static void print_hex(uint32_t value, int digits)
{
    while (digits-- > 0) {
        print("0123456789abcdef"[value >> 4 * digits & 15]);
    }
}

static void nothing(void *memory)
{
    (void)memory;
}

/* Ticks of `runs` calls, the same instructions around each whatever is called. */
static uint32_t ticks(const volatile function *called, int runs)
{
    const uint32_t start = REGISTER(0xE000E018); /* SYST_CVR counts down */
    for (int i = 0; i < runs; i++) {
        memcpy(tp_network_input(arena), sample, TP_NETWORK_INPUT_BYTES);
        (*called)(arena);
    }
    return (start - REGISTER(0xE000E018)) & TICKS;
}

int main(void)
{
    static const volatile function network = tp_network_run, empty = nothing;
    REGISTER(0xE000E014) = TICKS; /* SYST_RVR */
    REGISTER(0xE000E018) = 0;
    REGISTER(0xE000E010) = 5; /* SYST_CSR: processor clock, no interrupt */
    (void)ticks(&network, 1);
    print_hex(ticks(&network, 1 + RUNS) - ticks(&network, 1), 8);
    print(' ');
    print_hex(ticks(&empty, 1 + RUNS) - ticks(&empty, 1), 8);
    print(' ');
    (void)ticks(&network, 1);
    for (int i = 0; i < TP_NETWORK_OUTPUT_BYTES; i++) {
        print_hex((uint8_t)tp_network_output(arena)[i], 2);
    }
    print('\n');
    semihosting(SYS_EXIT, APPLICATION_EXIT);
    return 0;
}
