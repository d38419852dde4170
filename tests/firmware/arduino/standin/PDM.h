/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * A thin stand-in of the PDM library of ArduinoCore-mbed: what our sketches use of it. The microphone hears what the board's
 * serial port receives, samples of 16 bits with the low byte first; between two calls of loop() as much as one buffer. It
 * starts when it is told to for the third time. */
#ifndef STANDIN_PDM_H
#define STANDIN_PDM_H

#include <stddef.h>
#include <stdint.h>

class StandInPDM {
  public:
    int begin(int channels, int rate);
    void setGain(int steps) { gain = steps; }
    void onReceive(void (*function)()) { received = function; }
    int available();
    int read(void *buffer, size_t size);
    /* Fills the buffer and calls the sketch's function, as the interrupt would; false at the end of the input. */
    bool deliver();

  private:
    void (*received)() = nullptr;
    bool begun = false;
    int gain = -1, tries = 0;
    size_t filled = 0, given = 0;
    uint8_t bytes[512]; /* the size of PDM's own buffer */
};

extern StandInPDM PDM;

#endif
