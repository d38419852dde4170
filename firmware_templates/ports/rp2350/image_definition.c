/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The RP2350's boot ROM starts what has an image definition in its first 4 KB: this one says Arm, secure, and that the vector
 * table is where the image begins. RP2350 Datasheet, 5.9.5.1 Minimum Arm IMAGE_DEF; the flash is then readable already. */
#include <stdint.h>

__attribute__((section(".after_vectors"), used)) static const uint32_t image_definition[] = {
    0xFFFFDED3, /* block marker: start */
    0x10210142, /* item 0x42 IMAGE_TYPE, 1 word: executable, secure, Arm, RP2350 */
    0x000001FF, /* last item, behind 1 word of items */
    0x00000000, /* the next block is this one */
    0xAB123579, /* block marker: end */
};
