import type { components } from "./messages";

type Schemas = components["schemas"];

export type AddedExample = Schemas["AddedExample"];
export type AddFrame = Schemas["AddFrame"];
export type Answer = Schemas["Answer"];
export type ChangeInfo = Schemas["ChangeInfo"];
export type ClassEdit = Partial<Schemas["ClassEdit"]>;
export type ClassInfo = Schemas["ClassInfo"];
export type ErrorReply = Schemas["ErrorReply"];
export type AdviceInfo = Schemas["AdviceInfo"];
export type EvaluationInfo = Schemas["EvaluationInfo"];
export type ExampleMap = Schemas["ExampleMap"];
export type Report = Schemas["Report"];
export type SettingsEdit = Partial<Schemas["SettingsEdit"]>;
export type ExampleIndex = Schemas["ExampleIndex"];
export type ExampleInfo = Schemas["ExampleInfo"];
export type ExamplePage = Schemas["ExamplePage"];
export type ExportInfo = Schemas["ExportInfo"];
export type ExportRequest = Pick<Schemas["ExportRequest"], "format"> & Partial<Schemas["ExportRequest"]>;
export type ExportSizes = Schemas["ExportSizes"];
export type ImportInfo = Schemas["ImportInfo"];
export type BackboneChoice = Schemas["BackboneChoice"];
export type BackbonesInfo = Schemas["BackbonesInfo"];
export type LayerInfo = Schemas["LayerInfo"];
export type LayersInfo = Schemas["LayersInfo"];
export type Neighbors = Schemas["Neighbors"];
export type PredictFrame = Schemas["PredictFrame"];
export type PredictionInfo = Schemas["PredictionInfo"];
export type NeighborInfo = Schemas["NeighborInfo"];
export type ProblemInfo = Schemas["ProblemInfo"];
export type State = Schemas["State"];
export type Timings = Schemas["Timings"];

export type Frame = PredictFrame | AddFrame;
export type ServerMessage = State | Answer | ErrorReply;
