/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The firmware: one network behind the MLPerf Tiny protocol on the board's serial port. */
#include "port.h"
#include "protocol.h"

static tp_device device;

int main(void) {
    tp_port_init();
    tp_device_boot(&device);
#ifdef TP_HAS_MICROPHONE
    tp_listener_start(&device);
    for (;;) {
        while (!tp_port_has_byte()) {
            tp_listener_step(&device);
        }
        tp_device_receive(&device, (uint8_t)tp_port_read());
    }
#endif
    for (int byte = tp_port_read(); byte >= 0; byte = tp_port_read()) {
        tp_device_receive(&device, (uint8_t)byte);
    }
    return 0;
}
