-- A dissector for Wireshark and tshark: UQSSP messages with MSCP and DUP, events of a trace, and the bus link.
--
-- Printed by `hbvs dissector`.  The tables come from the declarations of the packets, the rest is written by hand.
-- Captures of `--trace` name their dissectors themselves (link type 252, "upper PDU").  The bus link is also known
-- on TCP, by its first message, wherever it comes by.
--
-- Use it:  wireshark -X lua_script:hbvs.lua FILE.pcapng       or put it among your personal Lua plugins.

--@TABLES@

local uqssp = Proto("uqssp", "UQSSP message")
local mscp = Proto("mscp", "Mass Storage Control Protocol")
local dup = Proto("dup", "Diagnostic and Utilities Protocol")
local event = Proto("hbvs", "hbvs event")
local buslink = Proto("buslink", "hbvs bus link")

local RESPONSE_IN = { mscp = ProtoField.framenum("mscp.response_in", "End message in", base.NONE, frametype.RESPONSE),
                      dup = ProtoField.framenum("dup.response_in", "End message in", base.NONE, frametype.RESPONSE) }
local RESPONSE_TO = { mscp = ProtoField.framenum("mscp.response_to", "Command in", base.NONE, frametype.REQUEST),
                      dup = ProtoField.framenum("dup.response_to", "Command in", base.NONE, frametype.REQUEST) }
local RESPONSE_TIME = { mscp = ProtoField.relative_time("mscp.response_time", "Time since the command"),
                        dup = ProtoField.relative_time("dup.response_time", "Time since the command") }
local RESERVED = { uqssp = ProtoField.bytes("uqssp.reserved", "reserved"), mscp = ProtoField.bytes("mscp.reserved", "reserved"),
                   dup = ProtoField.bytes("dup.reserved", "reserved"), hbvs = ProtoField.bytes("hbvs.reserved", "reserved"),
                   buslink = ProtoField.bytes("buslink.reserved", "reserved") }
local BEYOND = ProtoField.bytes("uqssp.beyond", "Beyond the envelope's length")
local UNKNOWN = { mscp = ProtoField.bytes("mscp.undecoded", "Not in the layout"),
                  dup = ProtoField.bytes("dup.undecoded", "Not in the layout") }
local DATA = ProtoField.bytes("buslink.data", "Memory")
local TEXT = ProtoField.string("buslink.text", "Text")
local SHORT = ProtoExpert.new("uqssp.short", "The message is shorter than a header", expert.group.MALFORMED,
                              expert.severity.ERROR)
local CUT = ProtoExpert.new("buslink.cut", "The message is cut short", expert.group.MALFORMED, expert.severity.ERROR)
local TORN = ProtoExpert.new("hbvs.torn", "The record is cut short", expert.group.MALFORMED, expert.severity.ERROR)

local PROTOCOLS = { uqssp = uqssp, mscp = mscp, dup = dup, hbvs = event, buslink = buslink }
local HEADER_BYTES, ENVELOPE_BYTES, OPCODE_OFFSET = 12, 4, 8
local TCP_PORT = 2  -- of pinfo.port_type
local LINK_HEADER_BYTES = LAYOUTS["buslink.LinkHeader"].size

do
  local fields = { uqssp = { BEYOND }, mscp = { UNKNOWN.mscp }, dup = { UNKNOWN.dup }, hbvs = {}, buslink = { DATA, TEXT } }
  for name, list in pairs(fields) do
    list[#list + 1] = RESERVED[name]
    list[#list + 1] = RESPONSE_IN[name]
    list[#list + 1] = RESPONSE_TO[name]
    list[#list + 1] = RESPONSE_TIME[name]
  end
  for _, key in ipairs(FIELD_ORDER) do
    local list = fields[key:match("^[^.]+")]
    list[#list + 1] = FIELDS[key]
  end
  for name, list in pairs(fields) do PROTOCOLS[name].fields = list end
end
uqssp.experts = { SHORT }
event.experts = { TORN }
buslink.experts = { CUT }

local interface_name = Field.new("frame.interface_name")

-- What a number means ---------------------------------------------------------------------------------------------

local function unit_words(value)
  if value >= 0x8000 then return "virtual unit " .. (value - 0x8000) end
  if value >= 0x4000 then return "server-local unit " .. (value - 0x4000) end
  return tostring(value)
end

local function media_words(value)
  if value == 0 then return "none" end
  local text = ""
  for _, unit in ipairs({ 2 ^ 27, 2 ^ 22, 2 ^ 17, 2 ^ 12, 2 ^ 7 }) do
    local code = math.floor(value / unit) % 32
    text = text .. (code == 0 and " " or code <= 26 and string.char(code + 64) or "?")
  end
  return text:sub(1, 2):gsub(" $", "") .. " " .. text:sub(3):gsub(" +$", "") .. string.format("%d", value % 128)
end

-- Status and event words; an invalid command names the field of the command that it complains of.
local function status_words(value, opcode)
  local code, subcode, offset = value % 32, math.floor(value / 32), math.floor(value / 256)
  local command = LAYOUTS[SERVERS.mscp.commands[opcode] or ""]
  if code == 1 and command and math.floor(value / 32) % 8 == 0 then
    for _, field in ipairs(command) do
      if field.name and field.offset == offset then
        return "invalid command: field " .. field.name .. " at offset " .. offset
      end
    end
  end
  if VALUES["mscp.SB"][value] then return VALUES["mscp.SB"][value] end
  return (VALUES["mscp.ST"][code] or "unknown code " .. code) .. ", subcode " .. subcode
end

local function bit_names(value, parts)
  local names = {}
  for _, part in ipairs(parts) do
    if part.bit and math.floor(value / part.bit) % 2 == 1 then names[#names + 1] = part.bit_name end
  end
  return table.concat(names, " ")
end

-- One layout into the tree ----------------------------------------------------------------------------------------

-- Returns what the fields say, by name, and where the layout ended; a text that is short is shown as far as it goes.
local function add_layout(layout, data, tree, protocol, opcode)
  local said, stop = {}, 0
  for _, field in ipairs(layout) do
    local left = data:len() - field.offset
    if left <= 0 then break end
    stop = field.offset + math.min(left, field.size)
    local range = data:range(field.offset, math.min(left, field.size))
    if left < field.size then
      tree:add(RESERVED[protocol], range):append_text(" (cut short: " .. (field.name or "reserved") .. ")")
      break
    elseif not field.name then
      tree:add(RESERVED[protocol], range)
    elseif field.is_bytes then
      local item = tree:add(FIELDS[field.key], range)
      local text = range:string():gsub("%z+$", "")
      if text ~= "" and not text:find("[^\32-\126]") then item:append_text(" (" .. text .. ")") end
      said[field.name] = text
    else
      local item = tree:add_le(FIELDS[field.key], range)
      if field.size <= 4 then
        local value = range:le_uint()
        local parts = field.kind == "modifiers" and (MODIFIERS[protocol][opcode] or {}) or field.parts or {}
        for _, part in ipairs(parts) do item:add_le(FIELDS[part.key], range) end
        local words = field.values and VALUES[field.values][value]
        if field.kind == "unit" then words = unit_words(value)
        elseif field.kind == "media" then words = media_words(value)
        elseif field.kind == "status" then words = status_words(value, opcode)
        elseif field.kind == "modifiers" or field.kind == "flags" then words = bit_names(value, parts)
        end
        if field.kind and words ~= "" and words ~= tostring(value) then item:append_text(" (" .. words .. ")") end
        if words == nil or words == "" then
          words = field.hexadecimal and string.format("0x%x", value) or tostring(value)
        end
        said[field.name] = words
        said["=" .. field.name] = value
      end
    end
  end
  return said, stop
end

local function telling(said)
  local words = {}
  for _, name in ipairs(TELLING) do
    local text = said[name]
    if text and not (QUIET[name] and said["=" .. name] == 0) then
      words[#words + 1] = STATUSES[name] and text or name .. " " .. text
    end
  end
  return table.concat(words, ", ")
end

-- Commands and their end messages: by controller, server and command reference number ----------------------------

local waiting, answer_of, command_of, time_of = {}, {}, {}, {}

function uqssp.init()
  waiting, answer_of, command_of, time_of = {}, {}, {}, {}
end

local function pair(protocol, said, pinfo, tree, is_end)
  local number, crf = pinfo.number, said["=crf"]
  if not pinfo.visited and crf then
    -- The port tells controllers apart; the name of the interface is not there in every pass of Wireshark's.
    local key = pinfo.dst_port .. "/" .. protocol .. "/" .. crf
    local command = waiting[key]
    if not is_end then
      waiting[key] = { number = number, time = pinfo.rel_ts }
    elseif command then
      answer_of[command.number], command_of[number] = number, command.number
      time_of[number] = pinfo.rel_ts - command.time
      waiting[key] = nil
    end
  end
  if answer_of[number] then tree:add(RESPONSE_IN[protocol], answer_of[number]):set_generated() end
  if command_of[number] then
    tree:add(RESPONSE_TO[protocol], command_of[number]):set_generated()
    local ns = math.floor(time_of[number] * 1000000000 + 0.5)
    local time = NSTime.new(math.floor(ns / 1000000000), ns % 1000000000)
    tree:add(RESPONSE_TIME[protocol], time):set_generated()
  end
end

-- UQSSP -----------------------------------------------------------------------------------------------------------

local function longest(choices, opcode, plain, length)
  local long = choices.long[opcode]
  if long and length >= LAYOUTS[long].size then return long end
  return choices.short[opcode] or plain
end

local function choose(protocol, message_type, code, length)
  local server, opcode = SERVERS[protocol], code % 128
  if message_type == DATAGRAM then return server.logs[code] or server.log, code, "log" end
  if code >= 128 then
    return longest({ short = server.ends, long = server.long_ends }, opcode, server.end_, length), opcode, "end"
  end
  if protocol == "mscp" and code >= 64 then return server.attention, opcode, "attention" end
  return longest({ short = server.commands, long = server.long_commands }, opcode, server.command, length), opcode, "command"
end

local function dissect_text(protocol, message_type, text, pinfo, root, name)
  local tree = root:add(PROTOCOLS[protocol], text:range())
  pinfo.cols.protocol = protocol:upper()
  if text:len() < HEADER_BYTES then
    tree:add_proto_expert_info(SHORT)
    pinfo.cols.info = "short message"
    return
  end
  local code = text:range(OPCODE_OFFSET, 1):uint()
  local key, opcode, what = choose(protocol, message_type, code, text:len())
  local layout = LAYOUTS[key]
  local said, stop = add_layout(layout, text, tree, protocol, opcode)
  if stop < text:len() then tree:add(UNKNOWN[protocol], text:range(stop)) end
  local title = what == "log" and "error log" or said.opcd
  tree:append_text(", " .. title)
  pinfo.cols.info = title .. ": " .. telling(said)
  if what == "command" then
    pinfo.cols.src, pinfo.cols.dst = "host", name
  else
    pinfo.cols.src, pinfo.cols.dst = name, "host"
  end
  if what == "command" or what == "end" then pair(protocol, said, pinfo, tree, what == "end") end
end

function uqssp.dissector(data, pinfo, root)
  local info = interface_name()
  local name = info and tostring(info.value) or "controller"
  pinfo.cols.protocol = "UQSSP"
  local tree = root:add(uqssp, data:range(0, math.min(ENVELOPE_BYTES, data:len())))
  if data:len() < ENVELOPE_BYTES then
    tree:add_proto_expert_info(SHORT)
    return
  end
  add_layout(LAYOUTS["uqssp.Envelope"], data(0, ENVELOPE_BYTES):tvb(), tree, "uqssp", 0)
  local length, there = data:range(0, 2):le_uint(), data:len() - ENVELOPE_BYTES
  local message_type = math.floor(data:range(2, 1):uint() / 16)
  if message_type == CREDIT_NOTIFICATION then
    pinfo.cols.info = "credit notification: " .. data:range(2, 1):uint() % 16 .. " credits"
    pinfo.cols.src, pinfo.cols.dst = name, "host"
    if there > 0 then tree:add(BEYOND, data:range(ENVELOPE_BYTES)) end
    return
  end
  -- Boot ROMs send nonsense as length; what cannot be the length of a message is not believed.
  if length < HEADER_BYTES or length > there then length = there end
  if length < there then tree:add(BEYOND, data:range(ENVELOPE_BYTES + length)) end
  if length == 0 then
    tree:add_proto_expert_info(SHORT)
    return
  end
  local protocol = data:range(3, 1):uint() == DUP_CONNECTION and "dup" or "mscp"
  dissect_text(protocol, message_type, data:range(ENVELOPE_BYTES, length):tvb(), pinfo, root, name)
end

-- Events ----------------------------------------------------------------------------------------------------------

local WORDS = {
  REGISTER = function(said) return string.format("%s %s %04X", said.access, said.register, said["=value"]) end,
  STATE = function(said) return said.before .. " → " .. said.after end,
  INTERRUPT = function(said) return string.format("interrupt, vector %o", said["=vector"]) end,
  BLOCKS = function(said, wide)
    return string.format("unit %s: %s %s bytes at LBN %s", said.unit, said["function"], wide.byte_count, wide.lbn)
  end,
  BITMAP = function(said)
    local verb = said["=set"] == 1 and "set" or "cleared"
    return string.format("bitmap %08X: %s bits from %s %s", said["=bitmap"], said.count, said.first, verb)
  end,
  COPY = function(said, wide) return said.member .. " is equal below LBN " .. wide.fence_lbn end,
  LINE = function(said) return said.text end,
}

function event.dissector(data, pinfo, root)
  local tree = root:add(event, data:range())
  pinfo.cols.protocol = "HBVS"
  local info = interface_name()
  local name = info and tostring(info.value) or ""
  pinfo.cols.src = name
  local kind = EVENTS[data:range(0, 1):uint()]
  if not kind or data:len() < LAYOUTS[kind.layout].size then
    tree:add_proto_expert_info(TORN)
    return
  end
  local layout = LAYOUTS[kind.layout]
  local said = add_layout(layout, data, tree, "hbvs", 0)
  local wide = {}
  for _, field in ipairs(layout) do
    if field.size == 8 then wide[field.name] = tostring(data:range(field.offset, 8):le_uint64()) end
  end
  local offset = layout.size
  for _, text in ipairs(kind.texts) do
    if offset >= data:len() then
      tree:add_proto_expert_info(TORN)
      return
    end
    local range = data:range(offset)
    local value = range:stringz(ENC_UTF_8)
    local bytes = math.min(range:strsize(), range:len())
    tree:add_packet_field(FIELDS["hbvs." .. text], data:range(offset, bytes), ENC_UTF_8)
    said[text] = value
    offset = offset + bytes
  end
  local words = WORDS[kind.name](said, wide)
  tree:append_text(", " .. words)
  pinfo.cols.info = name .. ": " .. words
end

-- The bus link ----------------------------------------------------------------------------------------------------

local function add_list(key, data, tree, with_bytes)
  local layout, offset, count = LAYOUTS[key], 0, 0
  while offset + layout.size <= data:len() do
    local item = tree:add(buslink, data:range(offset, layout.size), layout.title)
    local said = add_layout(layout, data:range(offset, layout.size):tvb(), item, "buslink", 0)
    offset, count = offset + layout.size, count + 1
    if with_bytes then
      local length = math.min(said["=length"], data:len() - offset)
      if length > 0 then tree:add(DATA, data:range(offset, length)) end
      offset = offset + length
    end
  end
  return count
end

local BODIES = {
  HELLO = function(data, tree) return add_layout(LAYOUTS["buslink.Hello"], data, tree, "buslink", 0).name end,
  GOODBYE = function(data, tree)
    tree:add(TEXT, data:range())
    return data:range():string()
  end,
  WATCH = function(data, tree) return add_list("buslink.Watch", data, tree, false) .. " watches" end,
  DMA_READ = function(data, tree) return add_list("buslink.Extent", data, tree, false) .. " extents" end,
  DMA_WRITE = function(data, tree) return add_list("buslink.Extent", data, tree, true) .. " extents" end,
  READ = function(data, tree) return add_list("buslink.Extent", data, tree, true) .. " extents" end,
  ANNOUNCE = function(data, tree) return add_list("buslink.Extent", data, tree, true) .. " extents" end,
}

local link_words = {}  -- of the messages in one frame

local function dissect_link_message(data, pinfo, root)
  local tree = root:add(buslink, data:range())
  if data:len() < LINK_HEADER_BYTES then
    tree:add_proto_expert_info(CUT)
    return data:len()
  end
  local kind = data:range(0, 1):uint()
  local name = LINK_KINDS[kind] or tostring(kind)
  local header = LAYOUTS[name == "SHADOW" and "buslink.ShadowHeader" or "buslink.LinkHeader"]
  local said = add_layout(header, data(0, LINK_HEADER_BYTES):tvb(), tree, "buslink", 0)
  local words = string.format("%s, epoch %d, address %o, value %X", name, said["=epoch"], said["=address"], said["=value"])
  local length = math.min(said["=length"], data:len() - LINK_HEADER_BYTES)
  if length < said["=length"] then tree:add_proto_expert_info(CUT) end
  if length > 0 then
    local body = data:range(LINK_HEADER_BYTES, length):tvb()
    if BODIES[name] then words = words .. ", " .. BODIES[name](body, tree) else tree:add(DATA, body:range()) end
  end
  tree:append_text(", " .. words)
  link_words[#link_words + 1] = words
  return LINK_HEADER_BYTES + length
end

local function link_message_length(data, pinfo, offset)
  return LINK_HEADER_BYTES + data:range(offset + 4, 4):le_uint()
end

local function dissect_link(data, pinfo, root)
  link_words = {}
  pinfo.cols.protocol = "BUSLINK"
  if pinfo.port_type == TCP_PORT then
    dissect_tcp_pdus(data, root, LINK_HEADER_BYTES, link_message_length, dissect_link_message)
  else
    dissect_link_message(data, pinfo, root)
  end
  if #link_words > 0 then pinfo.cols.info = table.concat(link_words, " | ") end
  return data:len()
end

buslink.dissector = dissect_link

buslink:register_heuristic("tcp", function(data, pinfo, root)
  local at = LINK_HEADER_BYTES
  if data:len() < at + 4 or data:range(0, 1):uint() ~= 1 or data:range(at, 4):string() ~= LINK_MAGIC then return false end
  pinfo.conversation = buslink
  dissect_link(data, pinfo, root)  -- not by the protocol: one call deeper, and TCP would not reassemble
  return true
end)
DissectorTable.get("tcp.port"):add_for_decode_as(buslink)
