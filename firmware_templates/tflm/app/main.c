/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The firmware: one network in the TFLite Micro interpreter behind the MLPerf Tiny protocol on the board's serial port. */
#include "network.h"
#include "port.h"
#include "protocol.h"
#include "text.h"

static tp_device device;

static void put_log(const char *text) { tp_put(text); }

/* The interpreter did not start: every command gets the reason. */
static void refuse(uint8_t byte, const char *reason) {
    if (byte == '%') {
        tp_put("e-[");
        tp_put(reason);
        tp_put("]\r\nm-ready\r\n");
        tp_port_flush();
    }
}

int main(void) {
    tp_port_init();
    const char *refusal = tp_network_begin(device.arena, sizeof device.arena, put_log);
    if (refusal == NULL) {
        tp_put("m-arena-used-[");
        tp_put_decimal(tp_network_arena_used_bytes());
        tp_put("]\r\n");
        tp_device_boot(&device);
    } else {
        refuse('%', refusal);
    }
    for (int byte = tp_port_read(); byte >= 0; byte = tp_port_read()) {
        if (refusal == NULL) {
            tp_device_receive(&device, (uint8_t)byte);
        } else {
            refuse((uint8_t)byte, refusal);
        }
    }
    return 0;
}
