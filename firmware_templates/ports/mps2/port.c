/* Arm's MPS2 and MPS3 prototyping boards as QEMU emulates them: UART0 of the CMSDK, and the clock of chip.h, since QEMU
 * has no DWT. Registers: Cortex-M System Design Kit TRM (DDI 0479), 4.2 timer and 4.3 UART.
 */
#include "port.h"

#include "board.h"
#include "chip.h"

#define UART_DATA REGISTER(UART0)
#define UART_STATE REGISTER(UART0 + 0x4)
#define UART_CTRL REGISTER(UART0 + 0x8)
#define UART_INTCLEAR REGISTER(UART0 + 0xC)
#define UART_BAUDDIV REGISTER(UART0 + 0x10)
#define NVIC_ISER(n) REGISTER(0xE000E100 + 4 * (n))
#define NVIC_ICPR(n) REGISTER(0xE000E280 + 4 * (n))

enum { TX_FULL = 1, RX_FULL = 2, TX_ENABLE = 1, RX_ENABLE = 2, RX_INTERRUPT = 8, BAUD = 115200 };
enum { CYCLES_PER_US = TP_CPU_CLOCK_HZ / 1000000u };

void tp_port_init(void) {
    clock_start();
    UART_BAUDDIV = TP_CPU_CLOCK_HZ / BAUD;
    UART_CTRL = TX_ENABLE | RX_ENABLE | RX_INTERRUPT;
    /* masked by PRIMASK since reset: it wakes the core and is never taken */
    NVIC_ISER(UART0_RX_INTERRUPT / 32) = 1u << UART0_RX_INTERRUPT % 32;
}

int tp_port_read(void) {
    while ((UART_STATE & RX_FULL) == 0) {
        (void)tp_port_time_us();
        __asm__ volatile("wfi");
        UART_INTCLEAR = 2;
        NVIC_ICPR(UART0_RX_INTERRUPT / 32) = 1u << UART0_RX_INTERRUPT % 32;
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

uint64_t tp_port_time_us(void) { return clock_cycles() / CYCLES_PER_US; }
