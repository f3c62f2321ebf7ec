import CUndin

/// Takes the noise out of a signal that comes in blocks, in real time.
///
///     let stream = try UndinStream(sampleRate: 48_000, channels: 1)
///     stream.process(samples, count: frames) // in place, interleaved, of any length
///
/// Samples are floats, full scale is 1. The output comes `latencySamples` later than the input, whatever the blocks. A
/// stream is used in one thread at a time, settings too; nothing is allocated while sound runs.
public final class UndinStream {
    /// Why a stream cannot be opened.
    public enum Failure: Error, Equatable {
        case noSuchModel(String)
        case refused(String)
    }

    /// Levels of the last block, for meters: see undin.h.
    public struct Levels: Equatable {
        public let inputDbfs: Float
        public let outputDbfs: Float
        public let reductionDb: Float
        public let presence: Float
    }

    /// The model that is taken if none is named, by the rate of the blocks in Hz.
    public static func defaultModel(sampleRate: Int) -> String {
        sampleRate >= 32_000 ? "undin-small-48k" : "undin-small"
    }

    /// Names of the models inside, the fastest first.
    public static let models: [String] = {
        var names: [String] = []
        while let name = undin_model_name(Int32(names.count)) {
            names.append(String(cString: name))
        }
        return names
    }()

    public let sampleRate: Int
    public let channels: Int
    public let model: String

    /// By how many samples of a channel the output comes after the input.
    public let latencySamples: Int

    private let memory: UnsafeMutableRawPointer
    private var stream: OpaquePointer { OpaquePointer(memory) }

    /// Opens a fresh stream: no limit of attenuation, no bypass, channels linked if there are two.
    ///
    /// - Parameters:
    ///   - sampleRate: of the blocks, 4,000 to 384,000 Hz
    ///   - channels: 1 to 64
    ///   - model: a name out of `models`; that for the rate if not given
    public init(sampleRate: Int, channels: Int, model named: String? = nil) throws {
        let model = named ?? UndinStream.defaultModel(sampleRate: sampleRate)
        guard let number = UndinStream.models.firstIndex(of: model) else {
            throw Failure.noSuchModel("there is no model \(model): take one of \(UndinStream.models)")
        }
        let found = undin_model_at(Int32(number))
        let rate = Int32(clamping: sampleRate)
        let count = Int32(clamping: channels)
        let bytes = undin_stream_bytes(found, rate, count)
        memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes, 1), alignment: 64)
        self.sampleRate = sampleRate
        self.channels = channels
        self.model = model
        let opened = OpaquePointer(memory)
        let error = undin_stream_init(opened, found, rate, count)
        guard error == 0 else {
            memory.deallocate()
            throw Failure.refused(String(cString: undin_error(error)))
        }
        latencySamples = Int(undin_stream_latency_samples(opened))
    }

    deinit {
        memory.deallocate()
    }

    /// Enhances the next block in place.
    ///
    /// - Parameters:
    ///   - samples: interleaved, `count * channels` floats
    ///   - count: of each channel, any number
    public func process(_ samples: UnsafeMutablePointer<Float>, count: Int) {
        precondition(count >= 0, "a block has 0 samples or more")
        undin_stream_process_interleaved(stream, samples, samples, count)
    }

    /// Enhances the next block in place.
    ///
    /// - Parameter samples: interleaved, a multiple of the channels
    public func process(_ samples: inout [Float]) {
        precondition(samples.count % channels == 0, "a block has as many samples of each channel")
        samples.withUnsafeMutableBufferPointer { block in
            if let start = block.baseAddress {
                process(start, count: block.count / channels)
            }
        }
    }

    /// Ends a signal: the last `latencySamples` of each channel, interleaved; the stream is fresh again.
    public func flush() -> [Float] {
        var rest = [Float](repeating: 0, count: latencySamples * channels)
        undin_stream_flush_interleaved(stream, &rest)
        return rest
    }

    /// Goes back to a fresh state: silence came before the next sample. What was set stays.
    public func reset() {
        undin_stream_reset(stream)
    }

    /// Attenuates no sound by more than this, dB, not negative: 0 gives the input back, `.infinity` is no limit.
    public func setAttenLimDb(_ db: Float) {
        precondition(undin_stream_set_atten_lim_db(stream, db) == 0, "the limit of attenuation must be 0 dB or more")
    }

    /// Lets the delayed input out as it is, or not.
    public func setBypass(_ on: Bool) {
        undin_stream_set_bypass(stream, on ? 1 : 0)
    }

    /// Gives all channels the same gain, or each its own.
    public func setLinkChannels(_ on: Bool) {
        undin_stream_set_link_channels(stream, on ? 1 : 0)
    }

    /// Levels of the last block.
    public var levels: Levels {
        var found = undin_levels()
        undin_stream_get_levels(stream, &found)
        return Levels(
            inputDbfs: found.input_dbfs, outputDbfs: found.output_dbfs, reductionDb: found.reduction_db,
            presence: found.presence)
    }
}
