/** Every bound that users can meet, with its unit in its name. Docs and errors quote these. */
export const LIMITS = {
  /** Buffered request body of an invocation, and buffered answer of an event handler. */
  payloadBytesMax: 6 << 20,
  /** Zip archive of one function's source, as uploaded. */
  archiveBytesMax: 64 << 20,
  /** All files of one function's source, unpacked. */
  sourceBytesMax: 256 << 20,
  sourceFilesMax: 20_000,
  envBytesMax: 32 << 10,
  functionsPerAppMax: 200,
  /** Requests that wait for a slot of one function in one gateway. */
  queueLengthMax: 2_000,
  /** Request bodies that one gateway reads or keeps for requests that wait, all together. */
  waitingBodyBytesMax: 256 << 20,
  /** One log line of a function; the rest is cut off and marked. */
  logLineBytesMax: 16 << 10,
  /** Log bytes one instance may write per second before lines are dropped and counted. */
  logBytesPerSecondMax: 1 << 20,
  /** Functions that wait for one another: a call of a call of a call. */
  callDepthMax: 16,
  /** Calls and connections that one instance has open at once. */
  streamsOpenedMax: 1_024,
  /** Answers of calls that one instance has not taken yet. */
  answersUntakenBytesMax: 64 << 20,
  /** Of these, connections to the network. */
  tunnelsPerInstanceMax: 256,
  /** Connections to the network that one instance may begin in a second. */
  tunnelsPerSecondMax: 100,
  /** Connections to the network that one gateway has open for all its instances. */
  tunnelsMax: 4_096,
  connectTargetsMax: 16,
  egressAllowMax: 200,
  /** A JSON request body of the control API. */
  apiBodyBytesMax: 1 << 20,
} as const;
