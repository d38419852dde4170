/* Arm's MPS2 prototyping board with one of the FPGA images AN385 (Cortex-M3), AN386 (M4), AN500 (M7) or AN505 (M33), as
 * QEMU emulates them: UART0 of the CMSDK, its TIMER0 as the clock, since QEMU has no DWT.
 *
 * Addresses and interrupts: Arm Application Notes AN385 (DAI 0385), chapter 3, and AN505 (DAI 0505), chapter 3; in QEMU
 * hw/arm/mps2.c and mps2-tz.c. Registers: Cortex-M System Design Kit TRM (DDI 0479), 4.2 timer and 4.3 UART. The AN505
 * starts in the secure state and the port uses the secure aliases.
 */
#include "port.h"

#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#ifdef __ARM_ARCH_8M_MAIN__
#define TIMER0 0x50000000
#define UART0 0x50200000
enum { UART0_RX_INTERRUPT = 32 };
#else
#define TIMER0 0x40000000
#define UART0 0x40004000
enum { UART0_RX_INTERRUPT = 0 };
#endif

#define TIMER_CTRL REGISTER(TIMER0)
#define TIMER_VALUE REGISTER(TIMER0 + 0x4)
#define TIMER_RELOAD REGISTER(TIMER0 + 0x8)
#define UART_DATA REGISTER(UART0)
#define UART_STATE REGISTER(UART0 + 0x4)
#define UART_CTRL REGISTER(UART0 + 0x8)
#define UART_INTCLEAR REGISTER(UART0 + 0xC)
#define UART_BAUDDIV REGISTER(UART0 + 0x10)
#define NVIC_ISER(n) REGISTER(0xE000E100 + 4 * (n))
#define NVIC_ICPR(n) REGISTER(0xE000E280 + 4 * (n))

enum { TX_FULL = 1, RX_FULL = 2, TX_ENABLE = 1, RX_ENABLE = 2, RX_INTERRUPT = 8, BAUD = 115200 };
enum { CYCLES_PER_US = TP_CPU_CLOCK_HZ / 1000000u };

static uint64_t cycles;

void tp_port_init(void) {
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CTRL = 1; /* counts the clock down */
    UART_BAUDDIV = TP_CPU_CLOCK_HZ / BAUD;
    UART_CTRL = TX_ENABLE | RX_ENABLE | RX_INTERRUPT;
    NVIC_ISER(UART0_RX_INTERRUPT / 32) = 1; /* masked by PRIMASK since reset: it wakes the core and is never taken */
}

int tp_port_read(void) {
    while ((UART_STATE & RX_FULL) == 0) {
        (void)tp_port_time_us();
        __asm__ volatile("wfi");
        UART_INTCLEAR = 2;
        NVIC_ICPR(UART0_RX_INTERRUPT / 32) = 1;
    }
    return (int)(UART_DATA & 0xFF);
}

void tp_port_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while ((UART_STATE & TX_FULL) != 0) {
        }
        UART_DATA = (uint8_t)bytes[i];
    }
}

/* The last byte may still be on the wire: a buffer of one byte, from which a reset would not take it. */
void tp_port_flush(void) {}

/* The timer wraps every 171 s at 25 MHz: the differences add up to 64 bits if this is called once in that time. */
uint64_t tp_port_time_us(void) {
    cycles += (uint32_t)(UINT32_MAX - TIMER_VALUE - (uint32_t)cycles);
    return cycles / CYCLES_PER_US;
}
