// Shows under the answer what an operation asked of the sources: `extensions.plan`.

import { useSyncExternalStore } from "react";

const OFF = "off";
const MODES = [
  [OFF, "no plan"],
  ["run", "with its plan"],
  ["plan", "only its plan, without running it"],
];

let mode = OFF;
let plan = null;
const watchers = new Set();

function changed() {
  for (const watcher of watchers) watcher();
}

function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

// What is sent along with a request, as chosen below the answer.
export function explained(request) {
  if (mode === OFF) return request;
  return { ...request, extensions: { ...request.extensions, explain: mode === "plan" ? "plan" : true } };
}

export function show(answer) {
  plan = answer?.extensions?.plan ?? null;
  changed();
}

export function PlanPanel() {
  const chosen = useSyncExternalStore(watch, () => mode);
  const shown = useSyncExternalStore(watch, () => plan);
  const choose = ({ target }) => {
    mode = target.value;
    changed();
  };
  return (
    <div className="plan">
      <label>
        Run{" "}
        <select aria-label="Plan" value={chosen} onChange={choose}>
          {MODES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {shown && (shown.executed ? <Executed plan={shown} /> : <Expected plan={shown} />)}
    </div>
  );
}

function Executed({ plan }) {
  const rows = [...flat(plan.fields)].flatMap(({ path, field }) => [
    ...(field.calls ?? []).map((call) => [
      path,
      call.source,
      call.operation,
      call.code ?? String(call.status),
      call.attempt > 1 ? `attempt ${call.attempt}` : "",
      call.batch > 1 ? `${call.batch} in one` : "",
      call.waitedMs >= 1 ? `${ms(call.waitedMs)} waiting` : "",
      `at ${ms(call.startedMs)}`,
      `took ${ms(call.durationMs)}`,
    ]),
    ...(field.callsOmitted ? [[path, "", `and ${field.callsOmitted} more`, "", "", "", "", "", ""]] : []),
    ...(field.refused ?? []).map((each) => [path, each.source, each.operation, each.code, "not sent", "", "", "", ""]),
    ...(field.spared ?? []).map((each) => [path, each.source, `${each.count} × ${each.reason}`, "no call", "", "", "", "", ""]),
  ]);
  return (
    <>
      <p>
        {plan.calls} calls, {plan.spared} spared, {ms(plan.durationMs)}
      </p>
      <Table head={["field", "source", "operation", "answer", "", "", "", "", ""]} rows={rows} />
    </>
  );
}

function Expected({ plan }) {
  const rows = [...flat(plan.fields)].flatMap(({ path, field }) =>
    (field.calls ?? []).map((each) => [path, each.source, each.expected, each.worst, ""]),
  );
  const sums = Object.entries(plan.perSource).map(([source, each]) => [
    "in all",
    source,
    each.expected,
    each.worst,
    each.fits ? "" : `may wait ${each.worstWaitSeconds} s, longer than the deadline of ${plan.deadlineSeconds} s`,
  ]);
  return <Table head={["field", "source", "calls expected", "calls at worst", ""]} rows={[...rows, ...sums]} />;
}

function Table({ head, rows }) {
  return (
    <table>
      <thead>
        <tr>
          {head.map((cell, place) => (
            <th key={place}>{cell}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, line) => (
          <tr key={line}>
            {row.map((cell, place) => (
              <td key={place}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function* flat(fields, above = "") {
  for (const field of fields) {
    const path = above ? `${above}.${field.field}` : field.field;
    yield { path, field };
    yield* flat(field.fields ?? [], path);
  }
}

function ms(milliseconds) {
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}
