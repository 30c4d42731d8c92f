/** How a missing timestamp is written. */
export const missingTimestamp = -(2n ** 63n);
