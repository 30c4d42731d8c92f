import { describe, expect, test } from '@jest/globals';
import { LaneBoard, OtherThreadFailed } from './lane-board.js';

const never = () => Promise.reject(new Error('it waited'));

function boards(lanes: number): [LaneBoard, LaneBoard] {
  const memory = LaneBoard.allocate(lanes);
  return [new LaneBoard(memory, lanes), new LaneBoard(memory, lanes)];
}

describe('LaneBoard', () => {
  test('gives each lane of a phase to one thread alone', () => {
    const [one, other] = boards(3);
    one.publish(0);
    expect([one.take(0), other.take(0), one.take(0), other.take(0), one.take(0)]).toEqual([2, 1, 0, undefined, undefined]);
  });

  test('gives no lane to a thread that comes for a phase that is over', async () => {
    const [one, late] = boards(2);
    one.publish(0);
    while (one.take(0) !== undefined) one.finish();
    await one.waitForAll(never);
    one.publish(1);
    late.waitForPhase(0);
    expect(late.take(0)).toBeUndefined();
    expect(late.take(1)).toBe(1);
  });

  test('waits for a lane that another thread has in hand, and lets it be asked for meanwhile', async () => {
    const [one, other] = boards(2);
    one.publish(0);
    other.take(0);
    one.take(0);
    one.finish();
    let asked = 0;
    await one.waitForAll(async () => {
      if (++asked === 2) other.finish();
    });
    expect(asked).toBe(2);
  });

  test('tells whoever waits, before and after, that a thread has failed', async () => {
    const [one, other] = boards(2);
    one.publish(0);
    one.take(0);
    one.finish();
    await expect(one.waitForAll(async () => other.fail())).rejects.toThrow(OtherThreadFailed);
    expect(() => one.waitForPhase(0)).toThrow(OtherThreadFailed);
  });
});
