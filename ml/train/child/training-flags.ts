/**
 * Flags of Node.js for a process that trains. onnxruntime-node hands every vector that a step makes out in memory of its own, and V8
 * takes its growth as a reason to look for garbage bit by bit, with threads that a lane's processor is then taken for: of steps of
 * 1.7 ms on two cores every tenth took 5 to 10 ms, and of those with this flag every fiftieth.
 */
export const trainingFlags: readonly string[] = ['--no-incremental-marking'];
