import { testStoreConformance } from "../test/conformance.ts";
import { sqlitePlace } from "../test/places.ts";

testStoreConformance("sqlite", sqlitePlace);
