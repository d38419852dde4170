/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* From reset to main() on a Cortex-M: vector table, core state, .data and .bss. Armv7-M Architecture Reference Manual
 * (DDI 0403E): B1.5 exception model, B3.2 system control registers, B3.5 MPU; Armv8-M (DDI 0553): the same addresses;
 * Armv6-M (DDI 0419E): B3.2, B3.4, without FPU and with at most 32 interrupts. */
#include <stdint.h>
#include <string.h>

#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define ICTR REGISTER(0xE000E004)
#define SYST_CSR REGISTER(0xE000E010)
#define NVIC_ICER(n) REGISTER(0xE000E180 + 4 * (n))
#define NVIC_ICPR(n) REGISTER(0xE000E280 + 4 * (n))
#define VTOR REGISTER(0xE000ED08)
#define CPACR REGISTER(0xE000ED88)
#define MPU_CTRL REGISTER(0xE000ED94)

/* Defined by link.ld. */
extern uint8_t __stack_top[], __vectors[], __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[];

int main(void);
void tp_reset(void);
void tp_start(void);

static void halt(void) {
    for (;;) {
        __asm__ volatile("wfe");
    }
}

/* No interrupt is used, so the table ends with the core's own exceptions; each of them stops the firmware. */
__attribute__((section(".vectors"), used)) static const struct {
    const void *stack_top;
    void (*handlers[15])(void);
} vectors = {__stack_top, {tp_reset, [1 ... 14] = halt}};

/* A bootloader may jump here with its own stack, or on the process stack. */
__attribute__((naked, noreturn)) void tp_reset(void) {
    __asm__ volatile(
        "cpsid i\n"
#if __ARM_ARCH == 8
        "movs r0, #0\n"
        "msr msplim, r0\n" /* the bootloader's stack ended elsewhere */
#endif
        "ldr r0, =__stack_top\n"
        "msr msp, r0\n"
        "movs r0, #0\n"
        "msr control, r0\n"
#if __ARM_ARCH >= 7
        "msr basepri, r0\n" /* as faultmask: nothing but PRIMASK may keep an interrupt from ending a WFI */
        "msr faultmask, r0\n"
#endif
        "isb\n"
        "bl tp_start\n");
}

/* 32 interrupts a register. */
static uint32_t interrupt_registers(void) {
#if __ARM_ARCH == 6
    return 1;
#else
    return (ICTR & 0xF) + 1; /* INTLINESNUM */
#endif
}

/* A bootloader may have run before: nothing of its interrupts, timer tick and memory protection may reach into the app.
 * Arduino's (a Zephyr program) switches off all but the memory protection itself; do not depend on it. */
static void silence_core(void) {
    SYST_CSR = 0;
    MPU_CTRL = 0;
    for (uint32_t i = 0; i < interrupt_registers(); i++) {
        NVIC_ICER(i) = UINT32_MAX; /* disable */
        NVIC_ICPR(i) = UINT32_MAX; /* forget pending */
    }
}

__attribute__((noreturn)) void tp_start(void) {
#ifdef __ARM_FP
    CPACR |= 0xFu << 20; /* full access to CP10 and CP11, the FPU */
    __asm__ volatile("dsb\nisb" ::: "memory");
#endif
    silence_core();
#if TP_HAS_VTOR
    VTOR = (uint32_t)(uintptr_t)__vectors;
#endif
    memcpy(__data_start, __data_load, (size_t)(__data_end - __data_start));
    memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
    (void)main();
    halt();
    __builtin_unreachable();
}
