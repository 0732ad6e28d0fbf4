/** Every bound that users can meet, with its unit in its name. Docs and errors quote these. */
export const LIMITS = {
  /** Buffered request body of an invocation, and buffered answer of an event handler. */
  payloadBytesMax: 6 << 20,
  /** Payload of an invocation that is accepted to run later; FC has 128 KB, Lambda 1 MB. */
  asyncPayloadBytesMax: 1 << 20,
  /** Events of one list that is accepted to run later, and its bytes. */
  asyncEventsMax: 1_000,
  asyncEventsBytesMax: 2 << 20,
  /** What is kept of the result of an accepted invocation; larger ones are not kept. */
  asyncResultBytesMax: 1 << 20,
  /** One attempt of an accepted invocation; see `async.timeoutMs`. */
  jobMsMax: 86_400_000,
  /** What is cancelled, until it is ended; see `async.cancelGraceMs`. */
  cancelGraceMsMax: 600_000,
  /** One report of how far a job is, as JSON. */
  progressBytesMax: 4 << 10,
  /** How far ahead an invocation may be accepted. */
  asyncDelayMsMax: 366 * 86_400_000,
  /** Ordering and idempotency keys. */
  asyncKeyCharsMax: 255,
  /** Zip archive of one function's source, as uploaded. */
  archiveBytesMax: 64 << 20,
  /** All files of one function's source, unpacked. */
  sourceBytesMax: 256 << 20,
  /** Files of one function's source. */
  sourceFilesMax: 20_000,
  /** Environment values of one function, as JSON. */
  envBytesMax: 32 << 10,
  /** Timers of one app. */
  timersPerAppMax: 10_000,
  /** Actions of one app. */
  actionsPerAppMax: 100,
  /** Payload of one timer, as JSON. */
  timerPayloadBytesMax: 64 << 10,
  /** Missed ticks of one timer that are made up for; earlier ones are left out and counted. */
  timerMissedTicksMax: 1_000,
  /** Functions of one app. */
  functionsPerAppMax: 200,
  /** Versions of one function; each is told to every gateway. */
  versionsPerFunctionMax: 100,
  aliasesPerFunctionMax: 50,
  /** Changes of one alias that its history keeps. */
  aliasChangesKept: 100,
  /**
   * Revisions of one function by overlays of former days that are still counted as of a version.
   */
  overlaysKept: 100,
  /** Layers of one function. */
  layersMax: 5,
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
  /** Ends of invocations that tell one another: a destination of a destination. */
  destinationDepthMax: 16,
  /** Address of a webhook. */
  webhookCharsMax: 2_048,
  /** A delivery to a webhook, until it is given up. */
  webhookAgeMsMax: 86_400_000,
  /** Work that a handler leaves for after its answer; see `backgroundTimeoutMs`. */
  backgroundMsMax: 900_000,
  /** A `preStop` hook, and a web server between SIGTERM and its end; see `stopTimeoutMs`. */
  stopMsMax: 30_000,
  /** JSON of a client context, before it is written as base64. */
  clientContextBytesMax: 4 << 10,
  /** Answers of calls that one instance has not taken yet. */
  answersUntakenBytesMax: 64 << 20,
  /** Payloads of calls with a key that one instance has left under way. */
  callsLeftBytesMax: 16 << 20,
  /** Calls and connections that one instance has open at once. */
  streamsOpenedMax: 1_024,
  /** Of these, connections to the network. */
  tunnelsPerInstanceMax: 256,
  /** Connections to the network that one instance may begin in a second. */
  tunnelsPerSecondMax: 100,
  /** Connections to the network that one gateway has open for all its instances. */
  tunnelsMax: 4_096,
  /** One message that comes to a fetch handler's WebSocket, or an ASGI application's. */
  webSocketMessageBytesMax: 6 << 20,
  /** What a fetch handler's WebSocket was told to send and could not yet. */
  webSocketQueueBytesMax: 16 << 20,
  /** Targets in `connect` of one function. */
  connectTargetsMax: 16,
  /** Value of one secret, as JSON. */
  secretBytesMax: 16 << 10,
  /** Secrets of one app, and of the account as a whole. */
  secretsPerScopeMax: 500,
  secretsPerFunctionMax: 16,
  /** Content of one config object. */
  configObjectBytesMax: 256 << 10,
  configObjectsPerAppMax: 64,
  /** Contents of all config objects of one app. */
  configBytesPerAppMax: 1 << 20,
  /** The same of all apps of an account. */
  configBytesPerAccountMax: 16 << 20,
  /** Patterns in `egressAllow` of one function. */
  egressAllowMax: 200,
  /** Schedules of provisioned instances of one function. */
  provisionedSchedulesMax: 20,
  /** Days for which usage is kept. */
  usageDaysMax: 400,
  /** Rows of one answer about usage. */
  usageRowsMax: 20_000,
  topicsPerAccountMax: 200,
  /** Partitions of one topic, those that were added included. */
  topicPartitionsMax: 256,
  /** Triggers that read one topic. */
  topicGroupsMax: 50,
  /** One message with its key, content type and headers. */
  topicMessageBytesMax: 256 << 10,
  /** UTF-8 of a message's key. */
  topicKeyBytesMax: 1 << 10,
  /** UTF-8 of one header of a message. */
  topicHeaderBytesMax: 4 << 10,
  /** Headers of one message. */
  topicHeadersMax: 50,
  /** Messages of one publish. */
  topicPublishMessagesMax: 10_000,
  /** JSON of one publish by a function; the API's requests have `apiBodyBytesMax`. */
  topicPublishBytesMax: 1 << 20,
  /** What one partition keeps; publishing to it is refused until retention has made room. */
  topicPartitionBytesMax: 8 * 2 ** 30,
  /** Messages of one batch. */
  topicBatchMessagesMax: 1_000,
  /** Bytes of the messages of one batch, before they are written as an event. */
  topicBatchBytesMax: 512 << 10,
  /** Topics in `publish` of one function. */
  topicsPublishedMax: 50,
  /** Messages of one partition that a trigger has read and not settled. */
  topicOpenMessagesMax: 4_000,
  /** Dead letters that one trigger keeps; it stands still beyond, and loses none. */
  topicDeadLettersMax: 10_000,
  /** One event of the bus, as JSON. */
  eventBytesMax: 256 << 10,
  /** How deep its data is, and how many values it holds: every rule looks at them. */
  eventDepthMax: 64,
  eventValuesMax: 10_000,
  eventAttributesMax: 50,
  eventAttributeBytesMax: 1 << 10,
  /** Events of one put. */
  eventsPerPutMax: 100,
  /** Events that wait for their rules longer than this keep others from being put. */
  busBehindMsMax: 600_000,
  rulesPerAccountMax: 300,
  /** Redrives of an account that run or are paused. */
  redrivesOpenMax: 20,
  /** One pattern, as JSON, and its depth; the lists in it, and what one list holds. */
  rulePatternBytesMax: 4 << 10,
  rulePatternDepthMax: 10,
  rulePatternFieldsMax: 50,
  ruleMatchersMax: 200,
  /** Of these, numeric ones. */
  ruleRangesMax: 20,
  gatewayApisPerAppMax: 20,
  /** Stages of one API. */
  stagesPerApiMax: 20,
  routesPerApiMax: 10_000,
  /** All routes of an API, as JSON; each publication holds them. */
  routesBytesMax: 4 << 20,
  /** Body of a fixed answer. */
  routeAnswerBytesMax: 64 << 10,
  /** Body that a schema looks at, where the route's `limits.bodyBytesMax` does not say more. */
  routeSchemaBodyBytesMax: 1 << 20,
  stageVariablesMax: 100,
  /** Publications of a stage that its history keeps. */
  publicationsKept: 50,
  domainsPerAccountMax: 200,
  /** Purges of a stage that are kept for gateways that were away. */
  purgesKept: 100,
  /** One kept answer of the response cache. */
  cacheEntryBytesMax: 64 << 20,
  /** A JSON request body of the control API. */
  apiBodyBytesMax: 1 << 20,
} as const;
