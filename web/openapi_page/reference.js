// Draws openapi.json as text. Everything is set as text content, never as HTML.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// `code` between backticks becomes an element.
function prose(text) {
  return (text ?? "").split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

function resolved(document_, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? document_.components.schemas[name] : (schema ?? {});
}

function typeName(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeName).join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? typeName(schema.items) : "anything"}`;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  return schema.type ?? "anything";
}

function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, ...[cell].flat()))));
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function fields(document_, schema) {
  const found = resolved(document_, schema.type === "array" ? schema.items : schema);
  const required = new Set(found.required ?? []);
  return Object.entries(found.properties ?? {}).map(([name, field]) => [
    element("code", {}, name), `${typeName(field)}${required.has(name) ? ", required" : ""}`, prose(field.description),
  ]);
}

function identifier(method, path) {
  return `${method}-${path.replace(/[^a-z]+/gi, "-")}`;
}

function operationOf(document_, path, method, operation) {
  const section = element("section", { id: identifier(method, path) });
  section.append(
    element("h2", {}, element("span", { class: "method" }, method.toUpperCase()), " ", element("code", {}, path)),
    element("p", {}, ...prose(operation.description ?? operation.summary)),
  );
  if (operation.parameters?.length) {
    section.append(element("h3", {}, "Parameters"), table(["name", "type", "meaning"], operation.parameters.map((one) => [
      element("code", {}, one.name), `${typeName(one.schema)}, in the ${one.in}`, prose(one.description),
    ])));
  }
  const body = operation.requestBody?.content["application/json"];
  if (body) {
    section.append(element("h3", {}, "Body"), table(["field", "type", "meaning"], fields(document_, body.schema)));
    if (body.example) {
      const command = `curl -X POST ${location.origin}${path} \\\n  -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(body.example)}'`;
      section.append(element("pre", { tabindex: "0" }, command));
    }
  }
  const responses = Object.entries(operation.responses);
  section.append(element("h3", {}, "Answers"), table(["status", "body", "meaning"], responses.map(([status, answer]) => {
    const schema = answer.content?.["application/json"]?.schema;
    const kind = schema ? typeName(schema) : Object.keys(answer.content ?? {})[0];
    return [status, kind === "anything" ? "JSON" : (kind ?? ""), prose(answer.description)];
  })));
  const success = operation.responses["200"]?.content?.["application/json"]?.schema;
  const rows = success ? fields(document_, success) : [];
  if (rows.length) {
    section.append(element("details", {}, element("summary", {}, `Fields of ${typeName(success)}`), table(["field", "type", "meaning"], rows)));
  }
  return section;
}

async function draw() {
  const main = document.getElementById("operations");
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`status ${response.status}`);
    const document_ = await response.json();
    document.getElementById("about").replaceChildren(...prose(document_.info.description));
    const operations = Object.entries(document_.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [path, method, operation]));
    document.getElementById("menu").append(element("ul", {}, ...operations.map(([path, method, operation]) =>
      element("li", {}, element("a", { href: `#${identifier(method, path)}` }, `${method.toUpperCase()} ${path}`), ` ${operation.summary}`))));
    main.replaceChildren(...operations.map(([path, method, operation]) => operationOf(document_, path, method, operation)));
  } catch (error) {
    main.replaceChildren(element("p", { role: "alert" }, `openapi.json cannot be read: ${error.message}`));
  }
}

draw();
