import type { components } from "./messages";

type Schemas = components["schemas"];

export type AddFrame = Schemas["AddFrame"];
export type Answer = Schemas["Answer"];
export type ChangeInfo = Schemas["ChangeInfo"];
export type ClassEdit = Partial<Schemas["ClassEdit"]>;
export type ClassInfo = Schemas["ClassInfo"];
export type ErrorReply = Schemas["ErrorReply"];
export type ExamplePage = Schemas["ExamplePage"];
export type PredictFrame = Schemas["PredictFrame"];
export type PredictionInfo = Schemas["PredictionInfo"];
export type NeighborInfo = Schemas["NeighborInfo"];
export type State = Schemas["State"];
export type Timings = Schemas["Timings"];

export type Frame = PredictFrame | AddFrame;
export type ServerMessage = State | Answer | ErrorReply;
