/**
 * Events of rules as other platforms' handlers know them, against the shapes of their references.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventBytes, type CloudEvent } from "@skerry/triggers";
import type { EventFormat } from "@skerry/api-schema";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { ruleEvent } from "./rule-event.ts";

const EVENT: CloudEvent = {
  ...{ specversion: "1.0", id: "7", source: "/shop", type: "order.placed", subject: "hotel-7" },
  ...{ time: "2018-02-28T07:05:00.5+01:00", partitionkey: "k", data: { cents: 9_900 } },
};

function given(format: string, more: Readonly<Record<string, unknown>> = {}) {
  const body = eventBytes({ ...EVENT, ...more });
  const { ct, payload } = ruleEvent(body, format as EventFormat);
  return { ct, text: Buffer.from(payload).toString() };
}

function shaped(format: EventFormat, more?: Readonly<Record<string, unknown>>) {
  const { ct, text } = given(format, more);
  assert.equal(ct, format === "fc" ? BYTES_EVENT_TYPE : undefined, "fc alone is given bytes");
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

test("scf: an event has the keys of Tencent's event bus, in the reference's order", () => {
  assert.equal(
    given("scf").text,
    '{"specversion":"0","id":"7","type":"order.placed","source":"/shop","subject":"hotel-7",' +
      '"time":1519797900500,"region":"skerry","datacontenttype":"application/json;charset=utf-8",' +
      '"data":{"cents":9900}}',
  );
  assert.equal(shaped("scf", { data: undefined, data_base64: "/wA=" })["data"], "/wA=");
  assert.deepEqual("subject" in shaped("scf", { subject: undefined }), false);
});

test("fc: an event is a CloudEvent that names Aliyun's bus", () => {
  const event = shaped("fc");
  assert.deepEqual(event, {
    ...{ specversion: "1.0", id: "7", source: "/shop", type: "order.placed" },
    datacontenttype: "application/json; charset=utf-8",
    ...{ time: "2018-02-28T07:05:00.5+01:00", subject: "hotel-7", partitionkey: "k" },
    ...{ data: { cents: 9_900 }, aliyuneventbusname: "default" },
  });
  const own = shaped("fc", { datacontenttype: "text/plain", data: "hello" });
  assert.deepEqual([own["datacontenttype"], own["data"]], ["text/plain", "hello"]);
});

test("lambda: an event is EventBridge's, whose detail is an object always", () => {
  assert.deepEqual(shaped("lambda"), {
    ...{ version: "0", id: "7", "detail-type": "order.placed", source: "/shop" },
    ...{ account: "000000000000", time: "2018-02-28T06:05:00Z", region: "skerry" },
    ...{ resources: ["hotel-7"], detail: { cents: 9_900 } },
  });
  const keys = [
    ...["version", "id", "detail-type", "source", "account", "time", "region", "resources"],
    "detail",
  ];
  assert.deepEqual(Object.keys(shaped("lambda")), keys);
  assert.deepEqual(shaped("lambda", { subject: undefined })["resources"], []);
  const details = [undefined, null, 5, [1], "x"].map(
    (data) => shaped("lambda", { data })["detail"],
  );
  assert.deepEqual(details, [{}, {}, { data: 5 }, { data: [1] }, { data: "x" }]);
  const bytes = { data: undefined, data_base64: "/wA=" };
  assert.deepEqual(shaped("lambda", bytes)["detail"], { data_base64: "/wA=" });
});

test("a CloudEvent is the bytes that were put; so is what a later release has set", () => {
  for (const format of ["cloudevents", "of-a-later-release"]) {
    const { ct, text } = given(format);
    assert.deepEqual([ct, text], ["application/cloudevents+json", JSON.stringify(EVENT)]);
  }
});
