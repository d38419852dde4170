/* From reset to main() on a Cortex-M4F: vector table, core state, .data and .bss. Armv7-M Architecture Reference Manual
 * (DDI 0403E): B1.5 exception model, B3.2 system control registers, B3.5 MPU. */
#include <stdint.h>
#include <string.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

enum { INTERRUPTS = 48 }; /* IDs 0 to 47: nRF52840 Product Specification, 4.2.4 Instantiation */

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
        "ldr r0, =__stack_top\n"
        "msr msp, r0\n"
        "movs r0, #0\n"
        "msr control, r0\n"
        "isb\n"
        "b tp_start\n");
}

/* The bootloader ran before: nothing of its interrupts, timer tick and memory protection may reach into the app.
 * Arduino's (a Zephyr program) switches off all but the memory protection itself; do not depend on it. */
static void silence_core(void) {
    REGISTER(0xE000E010) = 0; /* SYST_CSR */
    REGISTER(0xE000ED94) = 0; /* MPU_CTRL */
    for (uint32_t i = 0; i < (INTERRUPTS + 31) / 32; i++) {
        REGISTER(0xE000E180 + 4 * i) = UINT32_MAX; /* NVIC_ICER: disable */
        REGISTER(0xE000E280 + 4 * i) = UINT32_MAX; /* NVIC_ICPR: forget pending */
    }
}

__attribute__((noreturn)) void tp_start(void) {
    REGISTER(0xE000ED88) |= 0xFu << 20; /* CPACR: full access to CP10 and CP11, the FPU */
    __asm__ volatile("dsb\nisb" ::: "memory");
    silence_core();
    REGISTER(0xE000ED08) = (uint32_t)(uintptr_t)__vectors; /* VTOR */
    memcpy(__data_start, __data_load, (size_t)(__data_end - __data_start));
    memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
    (void)main();
    halt();
    __builtin_unreachable();
}
